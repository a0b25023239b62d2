"""The audit: which records still exist, found out by reading their lists again.

Nothing is declared deleted because a pass did not see it. What was there at the last pass and was
not seen in this one is a candidate, and each candidate is verified by its id. docs/adr/0012 argues
why this is right.

    ids.py           compact sets of ids, as they are kept in the state
    settings.py      what the user asked for
    share.py         the audit's share of the day's tokens
    unsaved.py       when a pass under way is worth a state
    viewer.py        whose eyes the audit sees with, and whether they see everything
    guards.py        when a finding is too large, or ids too sparse, to be believed
    walks.py         reading a list once more, in parts that survive a kill
    verification.py  asking for single records by their ids
    verdicts.py      what the answers say about each of them
    confirmation.py  what questions cost, and when their answers have to be confirmed
    children.py      both, for the products and installments of deals
    archive.py       those of them that may be there, although no list has them
    parents.py       which deal each product or installment belongs to
    declarations.py  what the last passes declared deleted, to be sent again
    ledger.py        what is kept of one object from pass to pass
    candidates.py    what a pass has to ask about
    passes.py        one pass over one object: walk, verify, declare
    lists.py         which short lists this sync has read whole
    comparison.py    short lists that every sync reads whole
    reported.py      the deletions among the recent changes
    questions.py     what Pipedrive says about those when it is asked
    unsure.py        those about which it has said nothing yet, to be asked about again
    merges.py        which record another was merged into
    saved.py         loads the audit's part of a state
    size.py          keeps the state within a size that a platform can store
    context.py       what the passes of one sync share
    audit.py         all passes of one sync
"""
