// Compile a request with tools, run it, print the tool calls. Usage: client [COMPILER [INFERENCE]]
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <iostream>
#include <map>
#include <string>

#include "promptweave/v1/inference.grpc.pb.h"
#include "promptweave/v1/prompt_compiler.grpc.pb.h"

namespace pw = promptweave::v1;

constexpr char kSchema[] = R"({
  "type": "object",
  "properties": {"location": {"type": "string"}, "format": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
  "required": ["location", "format"]
})";

// Fails with a message of the service. There is no deadline by default: each call has one.
void check(const grpc::Status& status) {
  if (status.ok()) return;
  std::cerr << status.error_code() << ": " << status.error_message() << '\n';
  std::exit(1);
}

void within(grpc::ClientContext& context, int seconds) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
}

int main(int argc, char** argv) {
  const auto channel = [&](int place, const char* otherwise) {
    return grpc::CreateChannel(argc > place ? argv[place] : otherwise, grpc::InsecureChannelCredentials());
  };
  const auto compiler = pw::PromptCompilerService::NewStub(channel(1, "127.0.0.1:50051"));
  const auto inference = pw::InferenceService::NewStub(channel(2, "127.0.0.1:50052"));

  // The model brings the template; the compiler needs nothing else of it.
  grpc::ClientContext asking;
  within(asking, 10);
  pw::GetModelResponse model;
  check(inference->GetModel(&asking, {}, &model));

  pw::CompileRequest request;
  *request.mutable_template_()->mutable_inline_() = model.model().template_();
  auto* question = request.add_messages();
  question->set_role(pw::ROLE_USER);
  question->add_content()->set_text("What is the weather like in San Francisco?");
  auto* weather = request.add_tools()->mutable_function();
  weather->set_name("get_current_weather");
  weather->set_description("Get the current weather");
  weather->set_parameters(kSchema);
  request.mutable_tool_choice()->mutable_required();

  grpc::ClientContext compiling;
  within(compiling, 30);
  pw::CompileResponse compiled;
  check(compiler->Compile(&compiling, request, &compiled));

  pw::GenerateRequest generate;
  *generate.mutable_prompt() = compiled.prompt();
  generate.set_max_tokens(2000);
  generate.mutable_sampling()->set_seed(1);
  grpc::ClientContext generating;
  within(generating, 300);
  const auto stream = inference->Generate(&generating, generate);
  std::map<int, std::pair<std::string, std::string>> calls;  // index → name, arguments
  pw::GenerateResponse response;
  while (stream->Read(&response)) {
    for (const auto& event : response.events()) {
      const auto& delta = event.delta();
      if (delta.has_tool_call()) calls[delta.tool_call().index()].first = delta.tool_call().name();
      if (delta.has_tool_call_fragment()) calls[delta.tool_call_fragment().index()].second += delta.tool_call_fragment().text();
      if (delta.has_tool_call_end()) {
        const auto& [name, arguments] = calls[delta.tool_call_end().index()];
        std::cout << name << ' ' << arguments << '\n';
      }
      if (event.has_finish()) std::cout << pw::FinishReason_Name(event.finish().reason()) << '\n';
    }
  }
  check(stream->Finish());
}
