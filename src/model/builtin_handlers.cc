#include "model/builtin_handlers.h"

#include "model/spelling.h"
#include "model/time.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace jobflow {
namespace {

enum class Takes : unsigned char { anything, text, texts, variables, truth, whole, span };

struct Param {
  std::string_view name;
  Takes takes;
};

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
constexpr std::array kNoop = std::to_array<Param>({{"output", Takes::anything}});
constexpr std::array kSleep = std::to_array<Param>({{"duration", Takes::span}});
constexpr std::array kFail = std::to_array<Param>({
    {"message", Takes::text},
    {"times", Takes::whole},
    {"do_not_retry", Takes::truth},
});

constexpr std::array kBuiltins = std::to_array<Builtin>({
    {"shell", kShell, "command", "argv",
     "say either 'command' (a text for /bin/sh) or 'argv' (a list)", true, kShellSlips},
    {"python", kPython, "script", "file",
     "say either 'script' (the program's text) or 'file' (its path)", true, kPythonSlips},
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

bool is_whole(const JsonValue& value) {
  return value.is_int64() ||
         (value.is_double() && value.get_double() == std::trunc(value.get_double()));
}

std::string must_be(std::string_view what, const JsonValue& value) {
  return "must be " + std::string(what) + ", not " + std::string(kind_in_words(value));
}

class Check {
 public:
  Check(const Builtin& builtin, const boost::json::object& params, ParamsCheck check)
      : builtin_(builtin), params_(params), check_(check) {}

  std::vector<FieldProblem> take() {
    for (const auto& [key, value] : params_) {
      const auto param = std::ranges::find(builtin_.params, std::string_view(key), &Param::name);
      if (param != builtin_.params.end()) {
        check_value(*param, value);
      } else if (check_ != ParamsCheck::at_start) {
        check_name(key);
      }
    }
    check_choice();
    return std::move(problems_);
  }

 private:
  void wrong(std::string pointer, std::string message) {
    problems_.push_back({std::move(pointer), std::move(message)});
  }

  // Not known before the run: whatever it becomes.
  bool is_template(const JsonValue& value) const {
    return check_ != ParamsCheck::at_start && value.is_string() &&
           std::string_view(value.get_string()).find("{{") != std::string_view::npos;
  }

  void check_value(const Param& param, const JsonValue& value) {
    if (value.is_null() || is_template(value)) {
      return;
    }
    const std::string pointer = pointer_to("", param.name);
    switch (param.takes) {
      case Takes::anything:
        return;
      case Takes::text:
        return check_text(pointer, value);
      case Takes::texts:
        return check_texts(pointer, value);
      case Takes::variables:
        return check_variables(pointer, value);
      case Takes::truth:
        return value.is_bool() ? void() : wrong(pointer, must_be("true or false", value));
      case Takes::whole:
        return is_whole(value) ? void() : wrong(pointer, must_be("a whole number", value));
      case Takes::span:
        return check_span(pointer, value);
    }
  }

  void check_text(const std::string& pointer, const JsonValue& value) {
    if (!value.is_string()) {
      wrong(pointer, must_be("a text", value) +
                         (value.is_number() || value.is_bool() ? ": put it in quotes" : ""));
    } else if (value.get_string().find('\0') != boost::json::string::npos) {
      wrong(pointer, "contains a NUL character");
    }
  }

  // Numbers and truths are written out.
  void check_word(const std::string& pointer, const JsonValue& value) {
    if (!value.is_number() && !value.is_bool()) {
      check_text(pointer, value);
    }
  }

  void check_texts(const std::string& pointer, const JsonValue& value) {
    if (!value.is_array()) {
      return wrong(pointer, must_be("a list of texts", value));
    }
    const auto& items = value.get_array();
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!is_template(items[i])) {
        check_word(pointer_to(pointer, std::to_string(i)), items[i]);
      }
    }
  }

  void check_variables(const std::string& pointer, const JsonValue& value) {
    if (!value.is_object()) {
      return wrong(pointer, must_be("an object of variables", value));
    }
    for (const auto& [key, text] : value.get_object()) {
      const std::string_view name = key;
      if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != name.npos) {
        wrong(pointer_to(pointer, name), "cannot name a variable");
      } else if (!is_template(text)) {
        check_word(pointer_to(pointer, name), text);
      }
    }
  }

  void check_span(const std::string& pointer, const JsonValue& value) {
    if (!value.is_string() && !value.is_int64()) {
      return wrong(pointer, must_be("a duration such as \"10s\", or whole milliseconds", value));
    }
    const auto span = value.is_string() ? parse_span(std::string_view(value.get_string()))
                                        : Outcome<Span>(Span{value.get_int64()});
    if (!span || span->ms < 0) {
      wrong(pointer, span ? "is negative" : span.problem().detail);
    }
  }

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
    std::string all;
    for (const std::string_view one : known) {
      all.append(all.empty() ? "" : ", ").append(one);
    }
    wrong(pointer_to("", name), "is no param of the handler '" + std::string(builtin_.handler) +
                                    "', which takes " + all + advice);
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
    const bool gives_none = misses_choice() && check_ != ParamsCheck::part;
    if (problems_.empty() && (gives_both || gives_none)) {
      wrong("", std::string(builtin_.advice));
    }
    if (const JsonValue* argv = params_.if_contains("argv");
        builtin_.or_of == "argv" && argv != nullptr && argv->is_array() && problems_.empty()) {
      const auto& words = argv->get_array();
      if (words.empty() || words.front() == JsonValue("")) {
        wrong("/argv", "names no program");
      }
    }
  }

  const Builtin& builtin_;
  const boost::json::object& params_;
  const ParamsCheck check_;
  std::vector<FieldProblem> problems_;
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
