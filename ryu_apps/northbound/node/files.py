"""``/v1/configuration/export``, ``/backup`` and ``/import``: the configuration as a file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from ryu_apps.configuration.transfer import document
from ryu_apps.configuration.transfer.lines import FileError
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import LINES, Call, Parameter, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.http.stream import Stream


class FilesApi:
    def __init__(self, environment: Environment) -> None:
        self._configuration = environment.configuration

    def routes(self) -> list[Route]:
        configuration = self._configuration
        return [
            Route("GET", "/v1/configuration/export", self._stream(configuration.export),
                  "The configuration as a file, one JSON object a line", "node", None, "Document",
                  media=LINES, refusals=(409,)),
            Route("GET", "/v1/configuration/backup", self._stream(configuration.backup),
                  "The whole store as a file, one JSON object a line", "node", None, "Document",
                  media=LINES, refusals=(409,)),
            Route("POST", "/v1/configuration/import", self.import_file,
                  "Make the configuration what an exported file says", "node", "Document", "Record",
                  request_media=LINES, query=(Parameter(
                      "dry_run", "true: only say what would change",
                      {"enum": ["true", "false"]}),)),
        ]

    @staticmethod
    def _stream(lines: Callable[[], Iterator[bytes]]) -> Callable[[Call], Reply]:
        def handle(call: Call) -> Reply:
            try:
                return Reply(200, Stream(lines()))
            except FileError as error:
                raise ApiError(409, "ConfigurationUnfinished", f"{error}.") from error

        return handle

    def import_file(self, call: Call) -> Reply:
        dry_run = call.query.get("dry_run", "false")
        if dry_run not in ("true", "false"):
            raise ApiError(400, "InvalidInput", "dry_run is true or false.")
        try:
            found = document.read(io.BytesIO(call.request.body))
        except FileError as error:
            raise ApiError(400, "InvalidDocument", f"{error}.") from error
        try:
            done = self._configuration.import_document(found, dry_run == "true")
        except FileError as error:
            raise ApiError(409, "ConfigurationUnreadable", f"{error}.") from error
        return Reply(200, done.answer())
