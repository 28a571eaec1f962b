"""deploy/haproxy/haproxy.cfg, read by HAProxy itself. That it does what it should is for test_cluster.py."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import trustme

from tests.support.deploy.manifests import DEPLOY

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")


@pytest.mark.skipif(not HAPROXY, reason="haproxy is not installed")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_the_configuration_is_valid(tls: bool, tmp_path: Path) -> None:
    variables = {"COMPILERS": "compiler.example", "INFERENCES": "inference.example"}
    if tls:
        authority = trustme.CA()
        authority.issue_cert("balancer").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        variables |= {"TLS_PEM": str(tmp_path / "tls.pem"), "TLS_CA": str(tmp_path / "ca.pem")}
    assert HAPROXY
    done = subprocess.run(
        [HAPROXY, "-c", "-f", str(DEPLOY / "haproxy" / "haproxy.cfg")],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert (done.returncode, "ALERT" in said, "WARNING" in said) == (0, False, False), said
