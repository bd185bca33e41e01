"""Between envelopes and the library.

`codec` chooses how data is written and read, `encode` converts what is published, `decode`
what is received, and `layout` reads the fields of messages.
"""
