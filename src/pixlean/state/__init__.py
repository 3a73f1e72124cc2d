"""What must outlive a request: one database, its schema and its migrations.

Never here: what the rows mean to a user (that is ``access``), HTTP. To change the schema: a new file in
``migrations/versions`` and the same change in ``schema.py``; a test keeps them equal.
"""
