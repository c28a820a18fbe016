"""vnctl identity bootstrap: the first administrator, or one who has lost the password."""

from __future__ import annotations

import uuid
from typing import Any

from ryu_apps.cli.command import Result
from ryu_apps.cli.config.files import WRITE, opened
from ryu_apps.cli.connect import connect
from ryu_apps.cli.errors import USAGE, CliError
from ryu_apps.cli.identity.passwords import password


def bootstrap(client: None, options: Any) -> Result:
    if bool(options.code) == bool(options.config_file):
        raise CliError(
            "either --code, which the log of a running node without users says, or --config-file, "
            "which names the store (a SQLite one while its node is stopped)", USAGE)
    secret = password(options, options.user)
    if options.code:
        connect(options).write("POST", "/v1/identity/bootstrap", {"bootstrap": {
            "code": options.code, "name": options.user, "password": secret,
            "project": options.project}})
    else:
        _into_store(options, secret)
    text = (f"{options.user} is an administrator, of project {options.project} and of the system. "
            f"Log in: OS_USERNAME={options.user} OS_PROJECT_NAME={options.project} OS_PASSWORD=...")
    return Result({"user": options.user, "project": options.project}, text)


def _into_store(options: Any, secret: str) -> None:
    from ryu_apps.identity.directory import rules
    from ryu_apps.identity.directory.copy import commit_offline
    from ryu_apps.identity.directory.errors import IdentityError
    from ryu_apps.identity.directory.records import Project, User
    from ryu_apps.identity.passwords import DEFAULT_COST, hash_password

    try:
        user = User(uuid.uuid4().hex, rules.named(options.user))
        home = Project(uuid.uuid4().hex, rules.named(options.project))
        hash = hash_password(secret, DEFAULT_COST)
        with opened(options.config_file, WRITE) as store:
            commit_offline(store, rules.bootstrap(user, hash, home))
    except (IdentityError, ValueError) as error:
        raise CliError(str(error)) from error
