"""Personal data that is removed or hashed before it leaves the connector.

All of it happens in one place: reading/records.py applies a stream's `Protection` to each record,
after it has its columns and before it is rendered. So it applies to whatever leaves as a record:
pages, copies that an audit writes again, derived records and reports. A tombstone holds only keys
and times, which are never protected.

    preset      a kind of personal data (stream/personal.py), in all streams
    choice      what the user wants for a single column, in place of the presets
    rule        what is done to one value: it is hashed, or it is removed
    protection  the rules of one stream, compiled once per sync
"""
