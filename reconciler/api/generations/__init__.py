"""What the two generations of the API do differently about repositories: listing, reading one, writing an overlay.

Everything else has one form: builds, logs and the queue exist in v1 alone, and organisations and folders are read there
as well. A repository is created through v1 also where v2 is chosen, because v1 alone can be told not to change one of
that name that is there already.
"""
