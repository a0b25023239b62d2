"""How each kind of stream is read: which requests to send, and what has been read with each page.

Words used here and in sync/:

    source        a stream whose records another stream depends on
    dependent     a stream that depends on others: a child stream, requested for each parent record,
                  or a derived stream, computed from their records
    root list     the list at the end of that chain; its cursor field measures the progress
    span          an interval of the cursor field that has not been read
    covered       an interval of a root list that a source has delivered
    handover      the records of one page, as the dependents receive them
    group         parents that arrived together; they count as read together
    seam          where two pages of a sorted list meet, and may contain the same records
    hidden        a parent that the user may not see; later syncs ask for it again
    parked        a parent that could not be read; the stream stays incomplete until it can be
    copy          a record that an audit has read, written again in its own stream
    tombstone     a record that removes a row from the user's table; one stream sends it, another
                  takes it
    unavailable   a stream that the account does not have (stream/needs.py)
"""
