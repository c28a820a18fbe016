"""A Keystone on loopback: its start and end, and what tests need to set up in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import requests

from lab import python_environment
from lab.wait import tail, wait_until

ADMIN, PASSWORD, REGION = "admin", "of-the-lab", "lab"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
PREFIX = "vnc-keystone-"
MAKING, STARTING = 120, 60
"""Seconds at most."""


def _place() -> str:
    """In memory where there is such a place."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()


def _sweep() -> None:
    """Remove what a process left behind that was killed."""
    for left in Path(_place()).glob(f"{PREFIX}*-*"):
        owner = left.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)


class KeystoneError(Exception):
    """It did not do what it was asked to; the text says why."""


def section(url: str, remember: int = 300, timeout: int = 10) -> str:
    """See :meth:`Keystone.section`."""
    return "\n".join([
        "[keystone_authtoken]", f"www_authenticate_uri = {url}", f"auth_url = {url}",
        "auth_type = password", f"username = {ADMIN}", f"password = {PASSWORD}",
        "project_name = admin", "user_domain_id = default", "project_domain_id = default",
        f"token_cache_time = {remember}", f"http_connect_timeout = {timeout}", "",
    ])


class Keystone:
    """A context manager.  ``port``: where it listens on 127.0.0.1.  ``expiration``: of its tokens,
    in seconds; another holds from its next start on.  There is the user ADMIN with the role admin
    in the project "admin", and the roles that bootstrap makes: admin, manager, member, reader."""

    def __init__(self, port: int, expiration: int = 3600) -> None:
        self.port = port
        self.expiration = expiration
        _sweep()
        self.directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=_place()))
        self.log = self.directory / "keystone.log"
        self._config = self.directory / "keystone.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self._http = requests.Session()
        self._http.trust_env = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v3"

    def __enter__(self) -> Keystone:
        try:
            self._python = python_environment.python("keystone", REQUIREMENTS)
            self._make()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._http.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ------------------------------------------------------------ life

    def _make(self) -> None:
        """Its keys and database."""
        for name in ("fernet", "credentials"):
            (self.directory / name).mkdir(mode=0o700)
        self._configure()
        user = ["--keystone-user", "root", "--keystone-group", "root"] if not os.geteuid() else []
        self._manage("db_sync")
        # Readers do not wait for writers then.
        with contextlib.closing(sqlite3.connect(self._database)) as database:
            database.execute("PRAGMA journal_mode=WAL")
        self._manage("fernet_setup", *user)
        self._manage("credential_setup", *user)
        self._manage("bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-region-id", REGION,
                     *(word for name in ("admin", "internal", "public")
                       for word in (f"--bootstrap-{name}-url", self.url)))

    def _configure(self) -> None:
        keys = {name: self.directory / name for name in ("fernet", "credentials")}
        self._config.write_text("\n".join([
            "[DEFAULT]", "use_stderr = true",
            "[database]", f"connection = sqlite:///{self._database}", "sqlite_synchronous = false",
            "[token]", "provider = fernet", f"expiration = {self.expiration}",
            "allow_expired_window = 0",
            "[fernet_tokens]", f"key_repository = {keys['fernet']}",
            "[fernet_receipts]", f"key_repository = {keys['fernet']}",
            "[credential]", f"key_repository = {keys['credentials']}",
            "[cache]", "enabled = true", "backend = dogpile.cache.memory",
            "[identity]", "password_hash_algorithm = bcrypt", "password_hash_rounds = 4", "",
        ]))

    @property
    def _database(self) -> Path:
        return self.directory / "keystone.db"

    def _manage(self, *words: str) -> None:
        done = subprocess.run(
            [str(self._python.with_name("keystone-manage")), "--config-file", str(self._config),
             *words], capture_output=True, text=True, timeout=MAKING,
        )
        if done.returncode:
            raise KeystoneError(f"keystone-manage {words[0]}: {done.stderr[-2000:]}")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._configure()
        serve = Path(__file__).with_name("serve.py")
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [str(self._python), str(serve), str(self._config), str(self.port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
            )
        wait_until(self._answers, "Keystone", STARTING, 0.1, log=self.log)

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise KeystoneError(f"it has ended: {tail(self.log)}")
        with contextlib.suppress(requests.RequestException):
            return self._http.get(self.url, timeout=5).ok
        return False

    def stop(self) -> None:
        """Idempotent; what it knows stays for the next start."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def section(self, remember: int = 300, timeout: int = 10) -> str:
        """[keystone_authtoken] of a node whose clients it knows.  ``remember``: seconds, -1 for not
        at all.  ``timeout``: seconds that it has for an answer."""
        return section(self.url, remember, timeout)

    # ------------------------------------------------------------ what it is asked

    def token(
        self, user: str = ADMIN, password: str = PASSWORD, project: str = "admin", scope: Any = None
    ) -> str:
        """A new token for a project; ``scope``: for that instead, {} for none.  Raises
        KeystoneError."""
        default = {"id": "default"}
        body: dict[str, Any] = {"identity": {"methods": ["password"], "password": {
            "user": {"name": user, "domain": default, "password": password}}}}
        scope = {"project": {"name": project, "domain": default}} if scope is None else scope
        if scope:
            body["scope"] = scope
        answer = self._http.post(f"{self.url}/auth/tokens", json={"auth": body}, timeout=30)
        if answer.status_code != 201:
            raise KeystoneError(answer.text)
        return answer.headers["X-Subject-Token"]

    def rules_token(
        self, user: str, password: str, project: str, rules: list[dict[str, str]]
    ) -> str:
        """A token of a new application credential of a user, for what ``rules`` name."""
        token = self.token(user, password, project)
        answer = self._http.get(f"{self.url}/auth/tokens", timeout=30, headers={
            "X-Auth-Token": token, "X-Subject-Token": token})
        id = answer.json()["token"]["user"]["id"]
        made = self._http.post(
            f"{self.url}/users/{id}/application_credentials", timeout=30,
            headers={"X-Auth-Token": token},
            json={"application_credential": {"name": token[-20:], "access_rules": rules}},
        )
        if not made.ok:
            raise KeystoneError(made.text)
        found = made.json()["application_credential"]
        answer = self._http.post(f"{self.url}/auth/tokens", timeout=30, json={"auth": {"identity": {
            "methods": ["application_credential"],
            "application_credential": {"id": found["id"], "secret": found["secret"]}}}})
        if answer.status_code != 201:
            raise KeystoneError(answer.text)
        return answer.headers["X-Subject-Token"]

    def revoke(self, token: str) -> None:
        self._call("DELETE", "/auth/tokens", headers={"X-Subject-Token": token})

    def project(self, name: str) -> str:
        """A new project; returns its id."""
        return self._call("POST", "/projects", {"project": {"name": name}})["project"]["id"]

    def user(self, name: str, password: str) -> str:
        """A new user; returns its id."""
        body = {"user": {"name": name, "password": password}}
        return self._call("POST", "/users", body)["user"]["id"]

    def assign(self, user: str, role: str, project: str = "") -> None:
        """Give a user (id) a role (name) in a project (id), or in the system."""
        (found,) = self._call("GET", f"/roles?name={role}")["roles"]
        where = f"/projects/{project}" if project else "/system"
        self._call("PUT", f"{where}/users/{user}/roles/{found['id']}")

    def service(self, type: str, url: str) -> None:
        """An entry of the catalogue."""
        body = {"service": {"type": type, "name": type}}
        made = self._call("POST", "/services", body)["service"]["id"]
        for interface in ("public", "internal", "admin"):
            self._call("POST", "/endpoints", {"endpoint": {
                "service_id": made, "interface": interface, "url": url, "region_id": REGION}})

    def _call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        headers = {"X-Auth-Token": self.token(), **more.pop("headers", {})}
        answer = self._http.request(
            method, self.url + path, json=body, headers=headers, timeout=30, **more
        )
        if not answer.ok:
            raise KeystoneError(f"{method} {path}: {answer.text}")
        return answer.json() if answer.content else None
