#include "worker/builtin/http_transfer.h"

#include "worker/body.h"

#include <algorithm>
#include <array>
#include <curl/curl.h>
#include <memory>
#include <mutex>
#include <unistd.h>

namespace jobflow::worker {
namespace {

constexpr std::size_t kHeaderBytes = 32 * 1024;  // kept of an answer's
constexpr int kLookMs = 50;                      // for a stop that no descriptor tells
constexpr int kWaitMs = 60'000;
constexpr Span kRetryAfterMax = hours(24);

struct EasyEnd {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiEnd {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct UrlEnd {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct ListEnd {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct TextEnd {
  void operator()(char* text) const { curl_free(text); }
};
using Url = std::unique_ptr<CURLU, UrlEnd>;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return result;
}

Url parse(const std::string& text) {
  Url url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    url.reset();
  }
  return url;
}

std::string part(const Url& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) {
    return "";
  }
  const std::unique_ptr<char, TextEnd> owned(text);
  return text;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  const auto last = text.find_last_not_of(" \t\r\n");
  return first == text.npos ? std::string_view() : text.substr(first, last - first + 1);
}

// One transfer on its way. The C functions are libcurl's way to speak to it.
class Transfer {
 public:
  Transfer(Body& body, const HttpRequest& request, const HttpGate& gate, HttpPlace place)
      : body_(body), request_(request), gate_(gate), place_(std::move(place)) {}

  HttpAnswer run() {
    if (!easy_ || !multi_) {
      return ended(HttpAnswer::Kind::broken, "libcurl has no memory");
    }
    prepare();
    curl_multi_add_handle(multi_.get(), easy_.get());
    const CURLcode code = drive();
    curl_multi_remove_handle(multi_.get(), easy_.get());
    return conclude(code);
  }

 private:
  template <class Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(easy_.get(), option, value);
  }

  void prepare() {
    set(CURLOPT_URL, request_.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_ACCEPT_ENCODING, "");
    set(CURLOPT_USERAGENT, "jobflow");
    set(CURLOPT_ERRORBUFFER, error_.data());
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeout.ms));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.ms));
    set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_HEADERFUNCTION, &Transfer::take_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Transfer::take_body);
    set(CURLOPT_WRITEDATA, this);
    if (!gate_.rules().ca_file.empty()) {
      set(CURLOPT_CAINFO, gate_.rules().ca_file.c_str());
    }
    if (!request_.ca.empty()) {
      curl_blob blob{const_cast<char*>(request_.ca.data()), request_.ca.size(), CURL_BLOB_COPY};
      set(CURLOPT_CAINFO_BLOB, &blob);
    }
    prepare_method();
    prepare_headers();
  }

  void prepare_method() {
    if (request_.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
      return;
    }
    if (request_.body) {
      set(CURLOPT_POSTFIELDS, request_.body->data());
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body->size()));
    } else if (request_.method != "GET") {
      set(CURLOPT_POSTFIELDS, "");
      set(CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t{0});
    }
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }

  void prepare_headers() {
    const auto add = [this](const std::string& line) {
      if (curl_slist* longer = curl_slist_append(headers_.get(), line.c_str())) {
        std::ignore = headers_.release();
        headers_.reset(longer);
      }
    };
    bool typed = false;
    for (const auto& [name, value] : request_.headers) {
      // Without a value, libcurl would take "name:" as an order to leave it out.
      add(value.empty() ? name + ";" : name + ": " + value);
      typed = typed || lower(name) == "content-type";
    }
    if (!typed) {
      add("Content-Type:");  // none, rather than a form's
    }
    add("Expect:");  // nor a second's wait for a 100
    set(CURLOPT_HTTPHEADER, headers_.get());
  }

  // CURLE_ABORTED_BY_CALLBACK when it was stopped.
  CURLcode drive() {
    curl_waitfd stop{body_.stop_descriptor(), CURL_WAIT_POLLIN, 0};
    const bool told = stop.fd >= 0;
    while (!body_.stop_asked.load(std::memory_order_acquire)) {
      int running = 0;
      if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) {
        return CURLE_OUT_OF_MEMORY;
      }
      int left = 0;
      if (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        return message->data.result;
      }
      curl_multi_poll(multi_.get(), told ? &stop : nullptr, told ? 1 : 0, told ? kWaitMs : kLookMs,
                      nullptr);
    }
    return CURLE_ABORTED_BY_CALLBACK;
  }

  HttpAnswer ended(HttpAnswer::Kind kind, std::string trouble) {
    answer_.kind = kind;
    answer_.trouble = std::move(trouble);
    return std::move(answer_);
  }

  HttpAnswer conclude(CURLcode code) {
    using Kind = HttpAnswer::Kind;
    const std::string trouble = error_.front() == '\0' ? curl_easy_strerror(code) : error_.data();
    if (!refusal_.empty()) {
      return ended(Kind::refused, refusal_);
    }
    switch (static_cast<int>(code)) {
      case CURLE_OK:
        break;
      case CURLE_WRITE_ERROR:
        if (!answer_.truncated) {
          return ended(Kind::broken, trouble);
        }
        break;
      case CURLE_ABORTED_BY_CALLBACK:
        return ended(Kind::stopped, "stopped");
      case CURLE_OPERATION_TIMEDOUT:
        return ended(Kind::timed_out, trouble);
      case CURLE_URL_MALFORMAT:
      case CURLE_UNSUPPORTED_PROTOCOL:
        return ended(Kind::bad_url, trouble);
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CONNECT_ERROR:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_SSL_CERTPROBLEM:
        return ended(Kind::tls, trouble);
      default:
        return ended(Kind::broken, trouble);
    }
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    answer_.status = static_cast<int>(status);
    const char* redirect = nullptr;
    curl_easy_getinfo(easy_.get(), CURLINFO_REDIRECT_URL, &redirect);
    answer_.redirect = redirect == nullptr ? "" : redirect;
    curl_off_t seconds_to_wait = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &seconds_to_wait);
    answer_.retry_after =
        seconds(std::clamp<std::int64_t>(seconds_to_wait, 0, kRetryAfterMax.ms / 1000));
    return ended(Kind::answered, "");
  }

  // The address is known for good only here: a name can point anywhere, and at each look elsewhere.
  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.refusal_ = transfer.gate_.refusal(transfer.place_, address->addr);
    if (!transfer.refusal_.empty()) {
      return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }

  static std::size_t take_header(char* data, std::size_t, std::size_t size, void* self) {
    HttpAnswer& answer = static_cast<Transfer*>(self)->answer_;
    const std::string_view line = trimmed({data, size});
    const std::size_t colon = line.find(':');
    if (line.starts_with("HTTP/") && (colon == line.npos || colon > line.find(' '))) {
      answer.headers.clear();  // a 100 came before
    } else if (colon != line.npos && static_cast<Transfer*>(self)->has_header_room(size)) {
      answer.headers.emplace_back(lower(trimmed(line.substr(0, colon))),
                                  trimmed(line.substr(colon + 1)));
    }
    return size;
  }

  bool has_header_room(std::size_t size) {
    header_bytes_ += size;
    answer_.truncated = answer_.truncated || header_bytes_ > kHeaderBytes;
    return header_bytes_ <= kHeaderBytes;
  }

  static std::size_t take_body(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    std::string& body = transfer.answer_.body;
    const std::size_t room = transfer.request_.body_max - body.size();
    body.append(data, std::min(size, room));
    if (size > room) {
      transfer.answer_.truncated = true;
      return 0;  // ends the transfer
    }
    return size;
  }

  Body& body_;
  const HttpRequest& request_;
  const HttpGate& gate_;
  const HttpPlace place_;
  HttpAnswer answer_;
  std::string refusal_;
  std::size_t header_bytes_ = 0;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::unique_ptr<curl_slist, ListEnd> headers_;
  std::unique_ptr<CURL, EasyEnd> easy_{curl_easy_init()};
  std::unique_ptr<CURLM, MultiEnd> multi_{curl_multi_init()};
};

}  // namespace

void prepare_transfers() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

std::optional<HttpPlace> place_of(const std::string& text) {
  const Url url = parse(text);
  HttpPlace place;
  if (url) {
    place.scheme = lower(part(url, CURLUPART_SCHEME));
    place.host = lower(part(url, CURLUPART_HOST));
    place.port = std::atoi(part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT).c_str());
  }
  if (place.host.starts_with('[') && place.host.ends_with(']')) {
    place.host = place.host.substr(1, place.host.size() - 2);
  }
  if (place.host.ends_with('.')) {
    place.host.pop_back();
  }
  return place.scheme.empty() ? std::nullopt : std::optional(place);
}

std::string shown_url(const std::string& text) {
  const Url url = parse(text);
  if (!url) {
    return "?";
  }
  for (const CURLUPart secret : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                 CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    curl_url_set(url.get(), secret, nullptr, 0);
  }
  return part(url, CURLUPART_URL);
}

std::string with_query(const std::string& text,
                       const std::vector<std::pair<std::string, std::string>>& query) {
  const Url url = parse(text);
  if (!url) {
    return text;
  }
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  const auto escaped = [](const std::string& value) {
    const std::unique_ptr<char, TextEnd> written(
        curl_easy_escape(nullptr, value.c_str(), static_cast<int>(value.size())));
    return std::string(written ? written.get() : "");
  };
  for (const auto& [name, value] : query) {
    const std::string pair = escaped(name) + "=" + escaped(value);
    curl_url_set(url.get(), CURLUPART_QUERY, pair.c_str(), CURLU_APPENDQUERY);
  }
  return part(url, CURLUPART_URL);
}

HttpAnswer transfer(Body& body, const HttpRequest& request, const HttpGate& gate) {
  const auto place = place_of(request.url);
  if (!place) {
    return {.kind = HttpAnswer::Kind::bad_url, .trouble = "this is no URL"};
  }
  if (std::string why = gate.refusal(*place); !why.empty()) {
    return {.kind = HttpAnswer::Kind::refused, .trouble = std::move(why)};
  }
  return Transfer(body, request, gate, *place).run();
}

}  // namespace jobflow::worker
