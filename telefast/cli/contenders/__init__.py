"""Ways to read a chat that are compared with each other, one module each.

A contender is a module with three names, so that another is added without touching the rest:

* `label`: what tables call it
* `version()`: which release runs
* `async def run(client, chat, take, **options)`: read *chat* with a connected client, newest
  message first, and call `take(message)` for each until there are no more or it returns False
"""
