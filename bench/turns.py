"""What programs here that compare calls share."""
import time


def least_of_turns(calls, turns):
    """The least milliseconds of each call, all called in turn."""
    least = [float("inf")] * len(calls)
    for _ in range(turns):
        for k, call in enumerate(calls):
            since = time.perf_counter()
            call()
            least[k] = min(least[k], 1e3 * (time.perf_counter() - since))
    return least
