#include "worker/builtin/http_body.h"

#include "model/builtin_handlers.h"
#include "model/limits.h"
#include "model/size.h"
#include "worker/body.h"
#include "worker/builtin/base64.h"
#include "worker/builtin/http_transfer.h"
#include "worker/utf8.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace jobflow::worker {
namespace {

constexpr Span kTimeout = seconds(60);
constexpr Span kConnectTimeout = seconds(10);
constexpr std::size_t kBodyKept = 128 * 1024;
constexpr std::size_t kExcerptBytes = 1024;  // of an unexpected answer, in the error
constexpr std::size_t kSecretBytesMin = 4;   // what is shorter is no secret, and hides too much
constexpr int kRedirects = 5;

using Headers = std::vector<std::pair<std::string, std::string>>;

// The headers that hold no secret: they may be seen, and go along to another host.
constexpr std::array<std::string_view, 6> kHarmless{"accept",     "accept-language", "content-type",
                                                    "user-agent", "cache-control",   "traceparent"};

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return result;
}

bool is_harmless(std::string_view header) {
  return std::ranges::find(kHarmless, lower(header)) != kHarmless.end();
}

// The param, or nullptr when it is absent or null.
const Json* given(const Json& params, std::string_view name) {
  const Json* value = params.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string word_of(const Json& json) {
  return json.is_string() ? json.as_string() : json.dump();
}

Span span_of(const Json& params, std::string_view name, Span otherwise) {
  const Json* value = given(params, name);
  if (value == nullptr) {
    return otherwise;
  }
  return value->is_string() ? parse_span(value->as_string()).value() : Span{value->as_int()};
}

std::size_t size_of(const Json& params, std::string_view name, std::size_t otherwise) {
  const Json* value = given(params, name);
  if (value == nullptr) {
    return otherwise;
  }
  return static_cast<std::size_t>(value->is_string() ? parse_size(value->as_string()).value()
                                                     : value->as_int());
}

std::vector<StatusRange> ranges_of(const Json& params,
                                   std::string_view name,
                                   std::vector<StatusRange> otherwise) {
  const Json* value = given(params, name);
  if (value == nullptr) {
    return otherwise;
  }
  std::vector<StatusRange> ranges;
  const Json::Array one{*value};
  for (const Json& item : value->is_array() ? value->as_array() : one) {
    ranges.push_back(
        parse_status_range(item.is_string() ? item.as_string() : std::to_string(item.as_int()))
            .value());
  }
  return ranges;
}

bool has(const std::vector<StatusRange>& ranges, int status) {
  return std::ranges::any_of(ranges, [status](const StatusRange& range) {
    return range.first <= status && status <= range.last;
  });
}

std::string url_of(const Json& params) {
  Headers query;
  if (const Json* given_query = given(params, "query")) {
    for (const auto& [name, value] : given_query->as_object()) {
      const Json::Array one{value};
      for (const Json& item : value.is_array() ? value.as_array() : one) {
        query.emplace_back(name, item.is_null() ? "" : word_of(item));
      }
    }
  }
  return with_query(params.at("url").as_string(), query);
}

bool has_header(const Headers& headers, std::string_view name) {
  return std::ranges::any_of(headers,
                             [name](const auto& header) { return lower(header.first) == name; });
}

HttpRequest request_of(Context& run) {
  const Json& params = run.params();
  HttpRequest request;
  request.url = url_of(params);
  if (const Json* headers = given(params, "headers")) {
    for (const auto& [name, value] : headers->as_object()) {
      request.headers.emplace_back(name, word_of(value));
    }
  }
  if (const Json* body = given(params, "body")) {
    request.body = word_of(*body);
    if (!body->is_string() && !has_header(request.headers, "content-type")) {
      request.headers.emplace_back("Content-Type", "application/json");
    }
  }
  const Json* method = given(params, "method");
  request.method = method != nullptr ? method->as_string() : request.body ? "POST" : "GET";
  // Who heeds it does the work of a second attempt once (S1.4).
  if ((request.method == "POST" || request.method == "PATCH") &&
      !has_header(request.headers, "idempotency-key")) {
    request.headers.emplace_back("Idempotency-Key", "jobflow-" + std::to_string(run.run_id()));
  }
  request.connect_timeout = span_of(params, "connect_timeout", kConnectTimeout);
  request.body_max = size_of(params, "max_body", kBodyKept);
  const Json* ca = given(params, "ca");
  request.ca = ca == nullptr ? "" : ca->as_string();
  return request;
}

// What must not be seen in logs and errors, wherever it comes back.
std::vector<std::string> secrets_of(const HttpRequest& request) {
  std::vector<std::string> secrets;
  for (const auto& [name, value] : request.headers) {
    if (is_harmless(name)) {
      continue;
    }
    secrets.push_back(value);
    if (const std::size_t blank = value.find(' '); blank != std::string::npos) {
      secrets.push_back(value.substr(blank + 1));  // "Bearer …"
    }
  }
  std::erase_if(secrets, [](const std::string& text) { return text.size() < kSecretBytesMin; });
  return secrets;
}

std::string masked(std::string text, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
      text.replace(at, secret.size(), "***");
    }
  }
  return text;
}

// As browsers do: 303 asks with GET, and so do 301 and 302 after a POST.
void follow(HttpRequest& request, const HttpAnswer& answer) {
  const bool to_get = (answer.status == 303 && request.method != "HEAD") ||
                      ((answer.status == 301 || answer.status == 302) && request.method == "POST");
  if (to_get) {
    request.method = "GET";
    request.body.reset();
    std::erase_if(request.headers, [](const auto& header) {
      return lower(header.first) == "content-type" || lower(header.first) == "idempotency-key";
    });
  }
  if (place_of(answer.redirect) != place_of(request.url)) {
    std::erase_if(request.headers, [](const auto& header) { return !is_harmless(header.first); });
  }
  request.url = answer.redirect;
}

bool is_json_type(const HttpAnswer& answer) {
  return std::ranges::any_of(answer.headers, [](const auto& header) {
    if (header.first != "content-type") {
      return false;
    }
    const std::string type = lower(header.second.substr(0, header.second.find(';')));
    return type == "application/json" || type.ends_with("+json");
  });
}

Json headers_in_json(const HttpAnswer& answer) {
  Json headers = Json::object();
  for (const auto& [name, value] : answer.headers) {
    const std::string text = clean_text(value);
    const Json* before = headers.find(name);
    headers[name] = before == nullptr ? text : before->as_string() + ", " + text;
  }
  return headers;
}

// Small enough for a result whatever the answer was (S5.4); what is missing is marked.
Json result_in_json(const HttpAnswer& answer) {
  Json result = {{"status", answer.status}, {"headers", headers_in_json(answer)}};
  result["truncated"] = answer.truncated;
  if (!answer.truncated && is_json_type(answer)) {
    if (std::optional<Json> json = Json::try_parse(answer.body)) {
      result["json"] = *std::move(json);
      if (result.dump().size() <= limits::kResultBytes) {
        return result;
      }
      result["json"] = nullptr;
    }
  }
  std::string_view body = answer.body;
  for (int bytes = 0; bytes < 3 && answer.truncated && !is_clean_text(body); ++bytes) {
    body.remove_suffix(body.empty() ? 0 : 1);  // of a character that was cut
  }
  const bool is_text = is_clean_text(body);
  body = is_text ? body : std::string_view(answer.body);
  const std::string name = is_text ? "body" : "body_base64";
  while (true) {
    result[name] = is_text ? std::string(body) : to_base64(body);
    if (result.dump().size() <= limits::kResultBytes || body.empty()) {
      return result;
    }
    body = is_text ? cut_text(body, body.size() / 2) : body.substr(0, body.size() / 2);
    result["truncated"] = true;
  }
}

// One run of the handler, from its params to its end.
class Call {
 public:
  Call(Context& run, const HttpGate& gate)
      : run_(run),
        gate_(gate),
        request_(request_of(run)),
        secrets_(secrets_of(request_)),
        expect_(ranges_of(run.params(), "expect", {{200, 299}})),
        retry_on_(ranges_of(run.params(), "retry_on", {{429, 429}, {500, 599}})) {}

  Result make() {
    const Json* redirects = given(run_.params(), "redirects");
    std::int64_t left = redirects == nullptr ? kRedirects : redirects->as_int();
    const MonotonicTime until =
        Clock::now() + std::chrono::milliseconds(span_of(run_.params(), "timeout", kTimeout).ms);
    while (true) {
      request_.timeout = Span{std::max<std::int64_t>(
          std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count(), 1)};
      const MonotonicTime began = Clock::now();
      const HttpAnswer answer = transfer(body_of(run_), request_, gate_);
      tell(answer, began);
      if (answer.kind != HttpAnswer::Kind::answered) {
        return unanswered(answer);
      }
      const bool moved = !answer.redirect.empty() && !has(expect_, answer.status);
      if (!moved || left == 0) {
        return moved && redirects == nullptr ? too_many_redirects() : judge(answer);
      }
      --left;
      follow(request_, answer);
    }
  }

 private:
  std::string title() const { return request_.method + " " + shown_url(request_.url); }

  void tell(const HttpAnswer& answer, MonotonicTime began) {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    Json fields = {{"took_ms", took.count()}};
    if (answer.kind == HttpAnswer::Kind::answered) {
      fields["status"] = answer.status;
      fields["bytes"] = answer.body.size();
      run_.log().info(title() + ": " + std::to_string(answer.status), fields);
    } else {
      run_.log().warn(title() + ": " + masked(answer.trouble, secrets_), fields);
    }
  }

  Result unanswered(const HttpAnswer& answer) {
    const auto failure = [&](const char* kind) {
      return failed(title() + ": " + masked(answer.trouble, secrets_)).error_kind(kind);
    };
    switch (answer.kind) {
      case HttpAnswer::Kind::stopped:
        return cancelled();
      case HttpAnswer::Kind::refused:
        return failure("http_refused").do_not_retry();
      case HttpAnswer::Kind::bad_url:
        return failure("invalid_params").do_not_retry();
      case HttpAnswer::Kind::timed_out:
        return failure("http_timeout");
      case HttpAnswer::Kind::tls:
        return failure("http_tls");
      case HttpAnswer::Kind::answered:
      case HttpAnswer::Kind::broken:
        break;
    }
    return failure("http_connection");
  }

  Result too_many_redirects() {
    return failed(title() + " redirects still, after " + std::to_string(kRedirects) +
                  ": say 'redirects' to follow more")
        .error_kind("http_status")
        .do_not_retry();
  }

  Result judge(const HttpAnswer& answer) {
    if (has(expect_, answer.status)) {
      return succeeded(result_in_json(answer));
    }
    std::string error = title() + " answered " + std::to_string(answer.status);
    if (!answer.body.empty()) {
      error +=
          ": " + std::string(cut_text(masked(clean_text(answer.body), secrets_), kExcerptBytes));
    }
    Result result = failed(std::move(error)).error_kind("http_status");
    if (!has(retry_on_, answer.status)) {
      result.do_not_retry();
    } else if (answer.retry_after.ms > 0) {
      result.retry_after(answer.retry_after.ms);
    }
    return result;
  }

  Context& run_;
  const HttpGate& gate_;
  HttpRequest request_;
  const std::vector<std::string> secrets_;
  const std::vector<StatusRange> expect_, retry_on_;
};

}  // namespace

HttpBodies::HttpBodies(HttpGate gate) : gate_(std::move(gate)) {
  prepare_transfers();
}

Result HttpBodies::http(Context& run) const {
  return Call(run, gate_).make();
}

}  // namespace jobflow::worker
