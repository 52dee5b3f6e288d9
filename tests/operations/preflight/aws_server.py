"""An AWS on loopback that answers from a table, in each service's own protocol.

Routing, parsing and writing are moto's, made from botocore's models; an answer that the model of
its operation does not allow is an error of the test.
"""

import re
import threading
from dataclasses import dataclass, field

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from operations.embedded.extension.shapes import violations

SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
# What requests are signed for, where boto3 calls the service otherwise.
SIGNED_AS = {"servicequotas": "service-quotas", "elasticloadbalancing": "elbv2"}


class Refusal(Exception):
    """What a service refuses, by the code of its API."""

    def __init__(self, code, message="refused", status=400):
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass
class By:
    """Answers by a parameter of the request; what is not in the table is refused."""

    parameter: str
    rows: dict
    missing: Exception

    def __call__(self, **parameters):
        answer = self.rows.get(parameters[self.parameter], self.missing)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Aws:
    """What the server answers, "service:Operation" by "service:Operation", and what was asked."""

    answers: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)  # (region, "service:Operation", parameters)
    wrong: list = field(default_factory=list)  # sentences on what no AWS would answer
    url: str = ""

    def respond(self, request):
        """The HTTP answer to a request."""
        scope = SCOPE.search(request.headers["Authorization"])
        service = SIGNED_AS.get(scope["service"], scope["service"])
        model = get_service_model(service)
        operation, path = get_service_router(service).match(request)
        protocol = determine_request_protocol(model, request.content_type)
        parameters = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data,
                "url_path": request.path,
                "url_params": path,
            }
        )
        name = f"{service}:{operation.name}"
        self.asked.append((scope["region"], name, parameters))
        answer = self._answer(name, operation, parameters)
        written = get_serializer_class(service, protocol)(operation).serialize(answer)
        status = answer.status if isinstance(answer, Refusal) else written["status_code"]
        return Response(written["body"], status=status, headers=written["headers"])

    def _answer(self, name, operation, parameters):
        if name not in self.answers:
            self.wrong.append(f"the account has no answer to {name} {parameters}")
            return Refusal("InternalFailure", f"no answer to {name}")
        answer = self.answers[name]
        try:
            if isinstance(answer, Exception):
                raise answer
            answer = answer(**parameters) if callable(answer) else answer
        except Refusal as error:
            return error
        if operation.output_shape:
            # Patterns are left out: EC2's of a placement group's ARN matches no ARN.
            broken = violations(operation.output_shape, answer, patterns=False)
            self.wrong += [f"{name}: {sentence}" for sentence in broken]
        return answer


class Quiet(WSGIRequestHandler):
    """Without a line for each request."""

    protocol_version = "HTTP/1.1"

    def log(self, *arguments):
        pass


def serve(aws):
    """Serve on loopback; the server, to be shut down."""

    def application(environment, start_response):
        return aws.respond(Request(environment))(environment, start_response)

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    aws.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
