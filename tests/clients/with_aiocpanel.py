"""aiocpanel: UAPI by GET; it tells refused credentials, refused calls and a broken server apart."""

import asyncio
import ssl

import aiohttp
from aiocpanel import CpanelClient, CpanelError, DynamicDnsRecord
from double import PLACE, tell


async def understood(ask):
    try:
        return {"ok": await ask}
    except CpanelError as error:
        return {"error": type(error).__name__, "text": str(error)}


async def main():
    trust = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=PLACE["ca_file"]))
    async with aiohttp.ClientSession(connector=trust) as session:

        def client(user, token):
            return CpanelClient(session, PLACE["ip"], user, token)

        bob = client("bob", PLACE["bob_token"])
        webcall = DynamicDnsRecord("x", "bob.example", f"https://{PLACE['ip']}:2083/cpanelwebcall/x")
        tell(
            mailboxes=await understood(bob._uapi("Email", "list_pops")),
            unknown_function=await understood(bob.list_dynamic_dns()),
            bad_token=await understood(client("bob", "A" * 32).list_dynamic_dns()),
            unknown_user=await understood(client("nobody", PLACE["bob_token"]).list_dynamic_dns()),
            broken_server=await understood(bob.start_autossl_check()),
            webcall=await understood(bob.call_webcall(webcall)),
        )


asyncio.run(main())
