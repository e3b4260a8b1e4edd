// How attempts of a job or a step are given out, bounded and tried again: the part of a definition
// that both share.
#include "model/definition_parts.h"

#include <algorithm>
#include <array>

namespace jobflow {
namespace {

constexpr std::size_t kPathBytes = 256;
constexpr int kNotOnMax = 64;

template <class Item>
void sort_once(std::vector<Item>& items) {
  std::ranges::sort(items);
  const auto [first, last] = std::ranges::unique(items);
  items.erase(first, last);
}

// What is not worth another attempt: kinds of errors, and exit codes of processes.
void read_not_on(Fields& fields, RetryPolicy& retry) {
  const auto* list = fields.list("not_on", kNotOnMax);
  if (list == nullptr) {
    return;
  }
  retry.not_on_kinds.clear();
  retry.not_on_exit_codes.clear();
  for (std::size_t i = 0; i < list->size(); ++i) {
    const JsonValue& item = (*list)[i];
    if (item.is_int64() && item.get_int64() >= 0 && item.get_int64() <= 255) {
      retry.not_on_exit_codes.push_back(static_cast<int>(item.get_int64()));
    } else if (item.is_string() &&
               is_valid_name({item.get_string().data(), item.get_string().size()})) {
      retry.not_on_kinds.emplace_back(item.get_string().data(), item.get_string().size());
    } else {
      fields.wrong("not_on", "item " + std::to_string(i) +
                                 " must be an exit code from 0 to 255, or a kind of error such as "
                                 "timeout, lost, handler");
    }
  }
  sort_once(retry.not_on_kinds);
  sort_once(retry.not_on_exit_codes);
}

void read_retry(const JsonValue& value,
                std::string pointer,
                RetryPolicy& retry,
                ProblemList& problems) {
  Fields fields(problems, value, std::move(pointer));
  fields.whole("max_attempts", 1, limits::kAttemptsMax, retry.max_attempts);
  const bool initial_given = fields.span("initial", Span{}, retry.initial);
  fields.number("factor", 1, 100, retry.factor);
  const bool max_given = fields.span("max", Span{}, retry.max);
  fields.number("jitter", 0, 1, retry.jitter);
  read_not_on(fields, retry);
  fields.refuse_others();
  if (retry.initial > retry.max) {
    if (initial_given && max_given) {
      fields.wrong("max", "is less than 'initial'");
    } else if (initial_given) {
      retry.max = retry.initial;  // only the default bound stood in the way
    } else {
      retry.initial = retry.max;
    }
  }
}

// Words without blanks at their place in `into`, sorted, each once. Says whether it is there.
bool read_words(Fields& fields, std::string_view name, std::vector<std::string>& into) {
  const auto* words = fields.list(name, limits::kTagsMax);
  if (words == nullptr) {
    return false;
  }
  into.clear();
  for (std::size_t i = 0; i < words->size(); ++i) {
    const JsonValue& word = (*words)[i];
    if (!word.is_string() || word.get_string().empty() ||
        word.get_string().size() > limits::kNameBytes) {
      fields.wrong(name, "item " + std::to_string(i) + " must be a string of 1 to " +
                             std::to_string(limits::kNameBytes) + " bytes");
      continue;
    }
    into.emplace_back(word.get_string().data(), word.get_string().size());
  }
  sort_once(into);
  return true;
}

// `customer.id`: names with dots between them.
bool is_path(std::string_view path) {
  return !path.empty() && path.front() != '.' && path.back() != '.' &&
         path.find("..") == std::string_view::npos &&
         path.find_first_of(" \t\r\n{}") == std::string_view::npos;
}

bool read_path(Fields& fields, std::string_view name, std::string& into) {
  std::string path;
  if (!fields.text(name, kPathBytes, path)) {
    return false;
  }
  if (!is_path(path)) {
    fields.wrong(name, "'" + path +
                           "' is not a path to a field of the params: write names with dots "
                           "between them, such as customer.id");
    return false;
  }
  into = std::move(path);
  return true;
}

// What goes with a strategy is of no use to another one.
void read_strategy(Fields& fields, Task& task) {
  std::string strategy;
  if (fields.text("strategy", limits::kNameBytes, strategy)) {
    const auto builtin = builtin_strategy(strategy);
    if (!builtin && !is_valid_name(strategy)) {
      fields.wrong("strategy", "'" + strategy + "' is not the name of a strategy");
    }
    task.strategy = builtin.value_or(Strategy::custom);
    task.custom_strategy = builtin ? "" : std::move(strategy);
    task.hash_key.clear();
    task.workers.clear();
  }
  if (read_path(fields, "hash_key", task.hash_key) && task.strategy != Strategy::hash) {
    fields.wrong("hash_key", "goes with strategy: hash");
  }
  const bool named = read_words(fields, "workers", task.workers);
  if (named && task.strategy != Strategy::designated) {
    fields.wrong("workers", "goes with strategy: designated");
  } else if (task.strategy == Strategy::designated && task.workers.empty()) {
    fields.wrong("workers", "is missing: strategy designated needs the name of a worker or more");
  }
}

void read_semaphores(Fields& fields, Task& task) {
  if (!read_words(fields, "semaphores", task.semaphores)) {
    return;
  }
  if (task.semaphores.size() > limits::kSemaphoresMax) {
    fields.wrong("semaphores", "names more than " + std::to_string(limits::kSemaphoresMax));
  }
  for (const std::string& name : task.semaphores) {
    if (!is_valid_name(name)) {
      fields.wrong("semaphores", "'" + name + "' is not the name of a semaphore");
    }
  }
}

}  // namespace

SemaphoreSpec read_semaphore(Fields& fields) {
  SemaphoreSpec semaphore;
  if (fields.find("permits") == nullptr) {
    fields.wrong("permits", "is missing: how many may hold it at once?");
  }
  fields.whole("permits", 1, limits::kPermitsMax, semaphore.permits);
  fields.refuse_others();
  return semaphore;
}

void read_policies(Fields& fields, Task& task, ProblemList& problems) {
  fields.whole("priority", -100, 100, task.priority);
  if (const JsonValue* retry = fields.find("retry")) {
    read_retry(*retry, fields.at("retry"), task.retry, problems);
  }
  fields.span("timeout", milliseconds(1), task.timeouts.execution);
  fields.span("queue_timeout", milliseconds(1), task.timeouts.queue_wait);
  fields.span("total_timeout", milliseconds(1), task.timeouts.total);
  read_strategy(fields, task);
  read_words(fields, "tags", task.tags);
  read_semaphores(fields, task);
}

Concurrency read_concurrency(Fields& fields, ProblemList& problems) {
  Concurrency concurrency;
  const JsonValue* value = fields.find("concurrency");
  if (value == nullptr) {
    return concurrency;
  }
  if (value->is_number()) {  // the short form
    fields.whole("concurrency", 1, limits::kConcurrencyMax, concurrency.max_runs);
    return concurrency;
  }
  Fields members(problems, *value, fields.at("concurrency"));
  members.whole("max_runs", 1, limits::kConcurrencyMax, concurrency.max_runs);
  read_path(members, "key", concurrency.key);
  members.whole("max_runs_per_key", 1, limits::kConcurrencyMax, concurrency.max_runs_per_key);
  members.refuse_others();
  if (value->is_object() && concurrency.key.empty() != (concurrency.max_runs_per_key == 0)) {
    members.wrong(concurrency.key.empty() ? "key" : "max_runs_per_key",
                  "is missing: 'key' names the field, 'max_runs_per_key' is the limit for each "
                  "of its values");
  } else if (value->is_object() && !concurrency.is_set()) {
    members.wrong("max_runs", "is missing: how many runs at once?");
  }
  return concurrency;
}

}  // namespace jobflow
