"""The door: `python -m benchmarks`; small by default, `--full` is the whole 25 sigmas x 10 epochs.

Imports wait until the door is entered: processes of a measurement import this module too.
"""


def main() -> None:
    """Run the benchmark from the root of the checkout."""
    import argparse

    from benchmarks.bench import run
    from benchmarks.work import FULL, SMALL
    from stages.process.door import clear_exit

    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Our trainer beside its peers. Takes 5 to 6 minutes on 2 quiet cores.",
    )
    parser.add_argument(
        "--full", action="store_true", help="25 sigmas x 10 epochs; takes about 35 minutes"
    )
    plan = FULL if parser.parse_args().full else SMALL
    with clear_exit("benchmark"):
        run(plan)


if __name__ == "__main__":
    main()
