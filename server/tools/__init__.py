"""The tools, a file per who acts: buying, bidding, resources, reading. `answers` has what they give back."""
