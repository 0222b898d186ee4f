"""pycpanel: the oldest one. WHM API 0 with an upper-case scheme, and API 2 on behalf of accounts."""

from double import PLACE, tell, understood
from pycpanel import conn


def connect(secret, **more):
    return conn(PLACE["ip"], hash=secret, verify=PLACE["ca_file"], **more)


token = connect(PLACE["root_token"])
# An access hash comes in lines, as the server prints it.
lines = "\r\n".join(PLACE["accesshash"][at : at + 32] for at in range(0, len(PLACE["accesshash"]), 32))
accesshash = connect(lines)
password = conn(PLACE["ip"], password="root-password", verify=PLACE["ca_file"])

tell(
    functions=token.json_list(),
    by_accesshash=accesshash.json_list(),
    by_password=password.json_list(),
    version=token.api("version"),
    version_1=token.api("version", {"api.version": 1}),
    unknown_function=token.api("asdf"),
    mailboxes=token.cpanel_api("Email", "listpops", "bob"),
    as_xml=token.api("version", api="xml-api"),
    bad_token=understood(lambda: connect("A" * 32)),
)
