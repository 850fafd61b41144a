"""The rules: pure functions on plain inputs. No events, no clock, no ids they did not get.

Amounts are Python integers of micro-credits (and micro-units), so every sum and product is exact. Each family is
entered by the file of its name; files that begin with it are its parts.

    scoring           what a bid counts, and the one tie-break          single    one task, one winner
    multi_unit        many units, minimums and tiers                    dutch     an offer that rises until it is taken
    combinatorial     lots, and bids on sets of them                    assignment   many tasks, limited capacity
    clearing          demand against offers at one price                fair_share   max-min, dominant resources, priority
    bundles           demand for several resources together             pooling   demand bought together in one auction
    reliability       outcomes -> estimates; with track_record, capability_prior, expectation, confidence, distributions
    advice            what auctions before say of the next; with order_statistics

`solve` asks the families where several bids win together, `procurement` has the words they share, and `highs` is the
only file that asks the solver.
"""
