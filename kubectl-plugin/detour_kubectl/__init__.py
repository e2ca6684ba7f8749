"""``kubectl detour``: the API of Detour for people at a terminal.

Everything it does is a request to the Kubernetes API that anybody could make; it keeps nothing. It
shares with the operator the Python twin of the CRDs and no code. Upwards:

- ``errors``, ``port``: what can go wrong, and the few verbs that the API is asked by;
- ``domain``: pure, what is to be said of objects;
- ``looking``: gathers by the port what the domain is asked about;
- ``adapters``: the port on the Kubernetes client; ``view``: text for terminals, files, programs;
- ``commands``: the command line.
"""
