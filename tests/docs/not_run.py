"""The table of commands that `test_commands.py` does not run: who runs them instead, or why nobody can here.

A command that the documentation shows is run, or stands here once; `...` at the end is anything.
`test_every_command_is_run_or_listed` holds that.
"""

RUN_BY: dict[str, list[str]] = {
    ".ci/run": [
        "pip install -e '.[engine,test]' && pytest...",
        "pip install -e '.[engine,test,dev]'",
        "pip install -r proto/requirements.txt",
        "python3 -m venv .venv && . .venv/bin/activate",
        "pip install -e '.[docs]' && mkdocs serve",  # it builds the site
        "pytest...",
        "ruff check . && ruff format . && mypy",
        "buf lint && buf format -w",
        "buf breaking --against proto/released.binpb",
        "bash .ci/run",
    ],
    "tests/demo/test_shipped_model.py::served": ["pip install '.[engine]' && promptweave serve"],  # .ci/run installs it
    "tests/cli/test_demo_model.py::test_writes_a_model_and_says_how_to_serve_it": [
        "promptweave demo-model demo.gguf && promptweave serve --model demo.gguf",
    ],
    "tests/cli/test_huggingface.py::test_downloads_once": [  # from a hub of its own
        "promptweave serve --hf-repo Qwen/Qwen2.5-1.5B-Instruct-GGUF",
    ],
    "tests/inference/test_remote.py::test_comes_goes_and_comes_back": [
        "promptweave serve --endpoint http://127.0.0.1:8081",
        "promptweave inference --endpoint http://127.0.0.1:8081",
    ],
    "tests/inference/test_load_balancer.py::test_the_service_is_ready_as_long_as_one_is": [
        "promptweave inference --listen 0.0.0.0:50052 --endpoint http://10.0.0.1:8081 --endpoint http://10.0.0.2:8081",
        "promptweave inference --endpoint http://10.0.0.1:8081 --endpoint http://10.0.0.2:8081",
    ],
    "tests/inference/test_whisper.py::test_a_real_server": [  # where there is one
        "promptweave serve --model model.gguf --whisper-model ggml-base.bin --whisper-server PATH",
    ],
    "tests/facade/test_embeddings.py::test_all_forms_of_input": [
        'curl -s http://localhost:8080/v1/embeddings -H "Content-Type: application/json" '
        '-d \'{"model": "embedder", "input": ["a text"]}\'',
    ],
    "tests/cli/test_traces.py::test_a_collector_that_is_away_holds_nothing_up": [
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317 promptweave serve",
    ],
    "tests/cli/test_launch.py": ["promptweave launch..."],  # with stubs; tests/agents has real agents, with -m slow
    "tests/examples/test_agent.py::test_the_tool_server": [
        'python examples/agent "..." --tools http://127.0.0.1:9000 --header "Authorization: Bearer secret"',
    ],
    "tests/examples/test_examples.py::test_python": ["python examples/python/client.py"],
    "tests/examples/test_examples.py::test_node": ["cd examples/node && npm install && node client.mjs"],
    "tests/examples/test_examples.py::test_cpp": [  # with -m slow
        "cmake -S examples/cpp -B /tmp/cpp && cmake --build /tmp/cpp && /tmp/cpp/client",
    ],
    "tests/examples/test_examples.py::test_vercel_ai_sdk": [
        "cd examples/vercel_ai_sdk && npm install && node trip.mjs",
    ],
    "tests/examples/test_examples.py::test_python_clients_of_openais_api": [
        "python examples/openai_clients/with_openai.py",
        "python examples/openai_clients/with_instructor.py",
        "python examples/openai_clients/with_pydantic_ai.py",
        "python examples/openai_clients/with_langchain.py",
    ],
    "tests/inference/test_faults.py": ["python -m tests.inference.fault_table"],  # the same faults, without the page
    "tests/compiler/test_schema_suite.py": ["python -m tests.compiler.test_schema_suite"],  # compares, and writes nothing
    "tests/explorer/conftest.py": ["PROMPTWEAVE_TEST_SCREENSHOTS=docs/explorer pytest tests/explorer"],
    "tests/deploy/test_kubernetes.py::test_builds_are_valid": [  # rendered and checked; a cluster there was none
        "kubectl apply -k deploy/kubernetes/overlays/single-node",
        "kubectl apply -k deploy/kubernetes/overlays/cluster",
        "kubectl apply -k deploy/kubernetes/overlays/gpu",
    ],
    "deploy/container/try.sh": [  # the same steps, without a container engine
        "podman build --format docker --target compiler -t promptweave-compiler -f deploy/container/Containerfile .",
        "podman build --format docker --target inference -t promptweave-inference -f deploy/container/Containerfile .",
        "podman build --format docker --target facade -t promptweave-facade -f deploy/container/Containerfile .",
    ],
}
"""A file, or a function of one, that runs the commands or what they are about; and the commands."""

NOT_RUN: dict[str, list[str]] = {
    "it only installs packages, from the network": [
        "pip install openai",
        "pip install --no-deps bfcl-eval==2026.3.23",
        "pip install validbutwrong==0.1.1",
        "pip install tool-eval-bench==3.0.0",
        "pip install -e '.[browser]'",
        "pip install -e '.[clients]'",
        "pip install 'promptweave[otel]'",
        "pip install -e '.[engine]' -r demo/requirements.txt",
    ],
    "it needs a cluster": [
        "kubectl create secret generic promptweave-token --from-literal=token=$(openssl rand -hex 32)",
        "kubectl create secret generic promptweave-api-keys --from-file=keys=keys.txt",
    ],
    "it needs a container engine and a registry": [
        "openssl rand -hex 32 > deploy/token && openssl rand -hex 32 > deploy/keys",
        "MODELS=/srv/models MODEL=model.gguf podman compose -f deploy/compose.yaml up --build",
        "podman build --format docker --target inference --build-arg DEBIAN=ghcr.io/ggml-org/llama.cpp:server-cuda "
        "-t promptweave-inference-cuda -f deploy/container/Containerfile .",
        "podman build -t my-tools --build-arg MODULE=weather.py examples/agent",
        "podman run --rm --read-only --tmpfs /tmp --cap-drop all --security-opt no-new-privileges --memory 512m "
        "--pids-limit 100 --env TOOL_SERVER_TOKEN=secret --publish 127.0.0.1:9000:9000 my-tools",
    ],
    "it needs root and debootstrap, and takes a quarter of an hour": ["deploy/container/try.sh ROOM [DIRECTORY...]"],
    "it needs root, and takes a quarter of an hour": ["python -m benchmarks.cluster"],
    "it needs PyTorch, and trains for hours: docs/demo-model.md tells what came of it": [
        "export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592",
        "python demo/generate.py --out DATA",
        "python demo/tokenizer.py --data DATA",
        "python demo/train.py --data DATA --out RUN --minutes 120",
        "python demo/export.py --data DATA --checkpoint RUN/done.pt --out demo.gguf",
        "python demo/evaluate.py --data DATA --model demo.gguf",
        "python demo/begin_with.py --model services/promptweave/demo/promptweave-demo.gguf --data DATA --out RUN",
        "python demo/tokenizer.py --data DATA --tokenizer DATA/tokenizer.json",
        "python demo/train.py --data DATA --out RUN --resume RUN/begin.pt --rate 2e-3",
        "python demo/average.py --first BEFORE/done.pt --second RUN/done.pt --share 0.7 --out mean.pt",
    ],
    "it measures for minutes, and its figures are worth something on a quiet machine only": [
        "python benchmarks/...",
        "python -m benchmarks.accuracy...",
    ],
    "it renews what a release is compared with": ["buf build -o proto/released.binpb"],
}
"""Why nobody runs them here, and the commands."""
