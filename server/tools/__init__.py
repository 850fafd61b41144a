"""The tools, a file per who acts: buying, reporting, bidding, resources, reading. `answers` has what they give back."""
