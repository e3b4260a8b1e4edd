#include "model/builtin_handlers.h"

#include "model/builtin_params.h"
#include "model/limits.h"
#include "model/spelling.h"

#include <algorithm>
#include <array>

namespace jobflow {
namespace {

// A word that people write for a param.
struct Slip {
  std::string_view written;
  std::string_view meant;
};

struct Builtin {
  std::string_view handler;
  std::span<const Param> params;
  std::string_view one_of, or_of;  // exactly one of the two is given; "" = no such rule
  std::string_view advice;         // what to say when it is not so
  bool passes_others_on;           // to its body: other names are the author's own
  std::span<const Slip> slips = {};
};

constexpr std::array kShell = std::to_array<Param>({
    {"command", Takes::text},
    {"argv", Takes::texts},
    {"env", Takes::variables},
    {"cwd", Takes::text},
    {"stdin", Takes::anything},
    {"user", Takes::text},
    {"limits", Takes::limits},
});
constexpr std::array kShellSlips = std::to_array<Slip>({
    {"cmd", "command"},
    {"run", "command"},
    {"script", "command"},
    {"args", "argv"},
    {"arguments", "argv"},
    {"environment", "env"},
    {"workdir", "cwd"},
    {"input", "stdin"},
});
constexpr std::array kPython = std::to_array<Param>({
    {"script", Takes::text},
    {"file", Takes::text},
    {"args", Takes::texts},
    {"env", Takes::variables},
    {"cwd", Takes::text},
    {"stdin", Takes::anything},
    {"user", Takes::text},
    {"limits", Takes::limits},
});
constexpr std::array kPythonSlips = std::to_array<Slip>({
    {"code", "script"},
    {"command", "script"},
    {"path", "file"},
    {"argv", "args"},
    {"arguments", "args"},
    {"environment", "env"},
    {"workdir", "cwd"},
    {"input", "stdin"},
});
constexpr std::array kHttp = std::to_array<Param>({
    {"url", Takes::url},
    {"method", Takes::method},
    {"headers", Takes::headers},
    {"query", Takes::query},
    {"body", Takes::anything},
    {"expect", Takes::statuses},
    {"retry_on", Takes::statuses},
    {"timeout", Takes::span, 1},
    {"connect_timeout", Takes::span, 1},
    {"redirects", Takes::whole, 0, limits::kHttpRedirectsMax},
    {"max_body", Takes::size, 0, static_cast<std::int64_t>(limits::kResultBytes)},
    {"ca", Takes::text},
});
constexpr std::array kHttpSlips = std::to_array<Slip>({
    {"uri", "url"},
    {"address", "url"},
    {"endpoint", "url"},
});
constexpr std::array kSql = std::to_array<Param>({
    {"connection", Takes::text},
    {"sql", Takes::text},
    {"values", Takes::values},
    {"statements", Takes::statements},
    {"max_rows", Takes::whole, 0, limits::kSqlRowsMax},
});
constexpr std::array kSqlSlips = std::to_array<Slip>({
    {"query", "sql"},
    {"statement", "sql"},
    {"command", "sql"},
});
constexpr std::array kNoop = std::to_array<Param>({{"output", Takes::anything}});
constexpr std::array kSleep = std::to_array<Param>({{"duration", Takes::span}});
constexpr std::array kFail = std::to_array<Param>({
    {"message", Takes::text},
    {"times", Takes::whole, INT64_MIN},
    {"do_not_retry", Takes::truth},
});

constexpr std::array kBuiltins = std::to_array<Builtin>({
    {"shell", kShell, "command", "argv",
     "say either 'command' (a text for /bin/sh) or 'argv' (a list)", true, kShellSlips},
    {"python", kPython, "script", "file",
     "say either 'script' (the program's text) or 'file' (its path)", true, kPythonSlips},
    {"http", kHttp, "url", "", "'url' is missing: say where, e.g. https://example.com/hook", false,
     kHttpSlips},
    {"sql", kSql, "sql", "statements",
     "say either 'sql' (a text) or 'statements' (a list of texts, or of {sql, values})", false,
     kSqlSlips},
    {"noop", kNoop, "", "", "", true},
    {"sleep", kSleep, "duration", "",
     "'duration' is missing: say \"250ms\", \"10s\" or a number of milliseconds", false},
    {"fail", kFail, "", "", "", false},
});

constexpr auto kNames = [] {
  std::array<std::string_view, kBuiltins.size()> names;
  std::transform(kBuiltins.begin(), kBuiltins.end(), names.begin(),
                 [](const Builtin& builtin) { return builtin.handler; });
  return names;
}();

class Check {
 public:
  Check(const Builtin& builtin, const boost::json::object& params, ParamsCheck how)
      : builtin_(builtin),
        params_(params),
        how_(how),
        judges_names_(how != ParamsCheck::at_start),
        check_(judges_names_) {}

  std::vector<FieldProblem> take() {
    for (const auto& [key, value] : params_) {
      const auto param = std::ranges::find(builtin_.params, std::string_view(key), &Param::name);
      if (param != builtin_.params.end()) {
        check_.check(*param, pointer_to("", param->name), value);
      } else if (judges_names_) {
        check_name(key);
      }
    }
    check_choice();
    return check_.take();
  }

 private:
  void check_name(std::string_view name) {
    std::vector<std::string_view> known;
    for (const Param& param : builtin_.params) {
      known.push_back(param.name);
    }
    const auto slip = std::ranges::find(builtin_.slips, name, &Slip::written);
    const bool is_slip = slip != builtin_.slips.end() && misses_choice();
    const std::string advice =
        is_slip ? ": did you mean '" + std::string(slip->meant) + "'?" : did_you_mean(name, known);
    if (advice.empty() && builtin_.passes_others_on) {
      return;
    }
    check_.wrong(pointer_to("", name), "is no param of the handler '" +
                                           std::string(builtin_.handler) + "', which takes " +
                                           names_of(builtin_.params) + advice);
  }

  // "" is as good as absent.
  bool gives(std::string_view name) const {
    const JsonValue* value = name.empty() ? nullptr : params_.if_contains(name);
    return value != nullptr && !value->is_null() &&
           !(value->is_string() && value->get_string().empty());
  }

  bool misses_choice() const {
    return !builtin_.one_of.empty() && !gives(builtin_.one_of) && !gives(builtin_.or_of);
  }

  void check_choice() {
    const bool gives_both = gives(builtin_.one_of) && gives(builtin_.or_of);
    const bool gives_none = misses_choice() && how_ != ParamsCheck::part;
    if (check_.clean() && (gives_both || gives_none)) {
      check_.wrong("", std::string(builtin_.advice));
    }
    if (const JsonValue* argv = params_.if_contains("argv");
        builtin_.or_of == "argv" && argv != nullptr && argv->is_array() && check_.clean()) {
      const auto& words = argv->get_array();
      if (words.empty() || words.front() == JsonValue("")) {
        check_.wrong("/argv", "names no program");
      }
    }
  }

  const Builtin& builtin_;
  const boost::json::object& params_;
  const ParamsCheck how_;
  const bool judges_names_;
  ParamCheck check_;
};

}  // namespace

std::span<const std::string_view> builtin_handlers() {
  return kNames;
}

std::vector<FieldProblem> check_builtin_params(std::string_view handler,
                                               const JsonValue& params,
                                               ParamsCheck check) {
  const auto builtin = std::ranges::find(kBuiltins, handler, &Builtin::handler);
  if (builtin == kBuiltins.end() || !params.is_object()) {
    return {};
  }
  return Check(*builtin, params.get_object(), check).take();
}

}  // namespace jobflow
