"""The copier: copies one raw image; no API, no network, no decision beyond "is this a whole copy".

The source is only ever opened for reading. The destination is written over completely, zeroes
included, keeps the source's holes, and is durable when the copier says that it is done.
"""
