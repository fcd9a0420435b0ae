"""Benchmarks on the embedded Telegram: `python -m benchmarks --help`.

What is compared is a *contender*, a module as `telefast.cli.contenders` describes it, run in a
fresh process each time by `telefast.cli.race`, as in the demo. Answers are compared first: a fast
wrong answer is a failure. Contenders alternate over several rounds; what counts is the median of
the ratios to stock Telethon, each taken within one round.

A benchmark is a module with `async def run(plan, view)` that returns records; it is listed in
`benchmarks.__main__`. What costs nothing but requests, bytes and instructions is counted
(`benchmarks.counts`), and held to what is recorded (`benchmarks.gate`).
"""
