"""cpanel-api: UAPI and API 2 by POST, with all four kinds of credentials."""

from cpanel_api import CPanelApi
from double import PLACE, tell, understood


def client(user, secret, kind, port):
    return CPanelApi(PLACE["ip"], user, secret, port, auth_type=kind, verify=PLACE["ca_file"])


bob = client("bob", PLACE["bob_token"], "utoken", 2083)
root = client("root", PLACE["root_token"], "token", 2087)
old = client("root", PLACE["accesshash"], "hash", 2087)
password = client("bob", "bob-password", "password", 2083)
wrong = client("bob", "A" * 32, "utoken", 2083)


def of_bob(api):
    """API 2 from WHM's side, on behalf of an account."""
    return api.cpanel2.Email.listpops(cpanel_jsonapi_user="bob")


tell(
    uapi=bob.uapi.Email.list_pops(),
    uapi_unknown=bob.uapi.Test.test(),
    api2=bob.cpanel2.Email.listpops(),
    api2_unknown=bob.cpanel2.Test.test(),
    by_password=password.uapi.Variables.get_user_information(),
    by_whm_token=of_bob(root),
    by_accesshash=of_bob(old),
    foreign_account=root.cpanel2.Email.listpops(cpanel_jsonapi_user="nobody"),
    bad_token=understood(lambda: wrong.uapi.Email.list_pops()),
    page=understood(lambda: bob.uapi.Email.list_pops_broken()),
)
