"""cpanel-cli: a command line on top of cpanel-api that reads UAPI's envelope strictly."""

import os
import subprocess
import sys

from double import PLACE, tell

PROGRAM = os.path.join(os.path.dirname(sys.executable), "cpanel")


def run(user, token, *words):
    command = [PROGRAM, "-H", PLACE["ip"], "-U", user, "-T", token, *words]
    # Nobody's own settings.
    environment = {"HOME": PLACE["home"], "XDG_CONFIG_HOME": PLACE["home"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return {"code": done.returncode, "out": done.stdout.strip(), "err": done.stderr.strip()}


token = PLACE["bob_token"]
tell(
    mailboxes=run("bob", token, "list", "mail", "accounts"),
    account=run("bob", token, "get", "account"),
    unknown_function=run("bob", token, "get", "quota"),
    bad_token=run("bob", "A" * 32, "get", "account"),
    unknown_user=run("nobody", token, "get", "account"),
)
