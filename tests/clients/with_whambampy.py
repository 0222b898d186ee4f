"""whambampy: the one public client that opens a session, and then works below its security token."""

from double import PLACE, tell, understood
from whambampy import whm


def connect(user, token):
    return whm(PLACE["ip"], user, token, verify_ssl=PLACE["ca_file"])


root = connect("root", PLACE["root_token"])


def session(user, service):
    return root.call("create_user_session", user=user, service=service)


tell(
    security_token=root._sec_token,
    hostname=root.call("gethostname"),
    version=root.call("version"),
    accounts=root.call("listaccts", search="bob", searchtype="user", searchmethod="exact"),
    tokens=root.call("api_token_list"),
    cpanel=session("bob", "cpaneld"),
    unknown_account=session("nobody", "cpaneld"),
    no_reseller=session("bob", "whostmgrd"),
    unknown_function=root.call("listzones"),
    bad_token=understood(lambda: connect("root", "A" * 32)),
    unknown_user=understood(lambda: connect("nobody", PLACE["root_token"])),
    no_whm=understood(lambda: connect("bob", PLACE["bob_token"])),
)
