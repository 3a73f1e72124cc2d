"""Who may ask, and how often.

Never here: HTTP. To add a limit: another ``Rule`` in ``rate.py``'s settings.
"""
