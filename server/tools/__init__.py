"""The tools, a file per who acts: buying, planning, reporting, bidding, resources, reading, inboxes.

`registry` makes a tool of a function, `schemas` tells clients of it. `answers` has what tools give back; `*_views` and
`book_texts` say it in words.
"""
