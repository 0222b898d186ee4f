"""What the scripts of this folder share: where the double is, and how they tell what a client made of it."""

import json
import sys

#: ip, ca_file and the secrets, as the test gives them.
PLACE = json.load(sys.stdin)


def understood(ask):
    """What a client returns, or which error it raises."""
    try:
        return {"ok": ask()}
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error)}


def tell(**answers):
    """Hands the answers to the test."""
    json.dump(answers, sys.stdout)
