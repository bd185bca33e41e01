"""Between the public classes and the queues of the library.

`send` publishes, `recv` fetches and hands out, `aio` does both for asyncio, with `waiters`.
`q` is the attribute ``q`` as a program sees it, `pumps` the threads that serve it once a program
uses it as a real queue, with `origins` and `agecheck`, which they filter by.
"""
