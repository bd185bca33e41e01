"""How far a cluster of post offices grows: arithmetic from measured costs.

    costs.json      what a message, a receiver, a subscription, another site cost; measured
    costs.py        reads and writes it
    calibrate.py    measures them, with 1 to 8 post offices on this machine
    model.py        what a cluster needs of the machine of each site, and what runs out first
    __main__.py     prints it

The model knows averages only: sites are alike, and publish and receive evenly. It does not
know of bursts; leave room for them.
"""
