#include "cli/commands.h"
#include "cli/text_width.h"
#include "cli/time_text.h"
#include "client/views.h"
#include "model/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace jobflow::cli {
namespace {

std::string collection(const std::string& kind) {
  return "/api/v1/" + kind + "s";
}

// JSON is told as JSON, so that its errors are JSON's; all else is YAML.
std::string content_type_of(const std::string& text) {
  return is_json(text) ? "application/json" : "application/yaml";
}

// What became of it; below, what to think of.
std::string outcome_text(const client::SavedView& saved, bool dry_run, const Style& style) {
  const Colour colour = saved.outcome == "failed"      ? Colour::red
                        : saved.outcome == "unchanged" ? Colour::dim
                                                       : Colour::green;
  std::string line = fmt::format("{} {}/{}  {}", saved.kind, printable(saved.name_space),
                                 printable(saved.name), style.paint(colour, saved.outcome));
  if (dry_run) {
    line += " (dry run)";
  } else if (saved.revision > 0) {
    line += style.paint(Colour::dim, fmt::format("  revision {}", saved.revision));
  }
  if (!saved.problem.empty()) {
    line += ": " + printable(saved.problem);
  }
  line += "\n";
  for (const std::string& warning : saved.warnings) {
    line += "  " + style.paint(Colour::yellow, "warning: ") + printable(warning) + "\n";
  }
  return line;
}

Problem with_file(Problem problem, const std::string& file) {
  problem.detail = shown_file(file) + ": " + problem.detail;
  return problem;
}

ExitCode apply_text(Session& session, const std::string& file, const ApplyOptions& options) {
  const auto text = read_input(session, file);
  if (!text.ok()) {
    return session.fail(text.problem());
  }
  const auto answer = session.call(
      {.method = "POST",
       .target = "/api/v1/definitions?namespace=" + percent_encoded(session.name_space()) +
                 (options.dry_run ? "&dry_run=true" : ""),
       .body = *text,
       .content_type = content_type_of(*text)});
  if (!answer.ok()) {
    return session.fail(with_file(answer.problem(), file));
  }
  const auto applied = client::read_applied(answer->body);
  if (!applied.ok()) {
    return session.fail(applied.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
  }
  bool failed = false;
  for (const client::SavedView& saved : applied->items) {
    failed = failed || saved.outcome == "failed";
    if (!session.json()) {
      session.print(outcome_text(saved, options.dry_run, session.style()));
    }
  }
  return failed ? kError : kOk;
}

// A folder of this name's own in the temporary folder, gone with this value.
class Scratch {
 public:
  Scratch() {
    std::string pattern = std::filesystem::temp_directory_path() / "jobflow-edit-XXXXXX";
    folder_ = ::mkdtemp(pattern.data()) == nullptr ? "" : pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!folder_.empty() && !kept_) {
      std::filesystem::remove_all(folder_, ignored);
    }
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string file(const std::string& name) const { return folder_ + "/" + name; }
  void keep() { kept_ = true; }

 private:
  std::string folder_;
  bool kept_ = false;
};

}  // namespace

std::string path_of(Session& session, const std::string& kind, const std::string& name) {
  return collection(kind) + "/" + percent_encoded(name) +
         "?namespace=" + percent_encoded(session.name_space());
}

ExitCode save_document(Session& session, const client::Request& request, const std::string& file) {
  const auto answer = session.call(request);
  if (!answer.ok()) {
    return session.fail(with_file(answer.problem(), file));
  }
  const auto saved = client::read_saved(answer->body);
  if (session.json() || !saved.ok()) {
    session.print_json(answer->body);
  } else {
    session.print(outcome_text(*saved, false, session.style()));
  }
  return kOk;
}

std::string counted(std::size_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

Outcome<std::string> read_input(Session& session, const std::string& file) {
  if (file == "-") {
    return std::string(std::istreambuf_iterator<char>(session.world().in), {});
  }
  return session.world().read_file(file);
}

std::string shown_file(const std::string& file) {
  return file == "-" ? "standard input" : file;
}

ExitCode apply(Session& session, const ApplyOptions& options) {
  ExitCode worst = kOk;
  for (const std::string& file : options.files) {
    const ExitCode code = apply_text(session, file, options);
    worst = worst == kOk ? code : worst;
  }
  return worst;
}

ExitCode list_definitions(Session& session, const DefinitionOptions& options) {
  std::string target = collection(options.kind) + fmt::format("?limit={}", options.limit);
  if (!options.all_namespaces) {
    target += "&namespace=" + percent_encoded(session.name_space());
  }
  const auto answer = session.get(target);
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  const auto page = client::read_definitions(answer->body);
  if (!page.ok()) {
    return session.fail(page.problem());
  }
  Table table({{.title = "NAMESPACE", .narrowest = 6},
               {.title = "NAME", .narrowest = 12},
               {.title = "TITLE", .narrowest = 8, .dispensable = true},
               {.title = options.kind == "job" ? "HANDLER" : "STEPS", .narrowest = 8},
               {.title = "TRIGGERS", .right = true, .dispensable = true},
               {.title = "ENABLED"},
               {.title = "REV", .right = true, .dispensable = true},
               {.title = "UPDATED"}});
  for (const client::DefinitionView& item : page->items) {
    table.add({options.all_namespaces ? item.name_space : "", Cell(item.name, Colour::bold),
               item.title, item.kind == "job" ? item.handler : std::to_string(item.steps),
               item.triggers > 0 ? std::to_string(item.triggers) : "",
               item.enabled ? Cell("yes", Colour::green) : Cell("no", Colour::yellow),
               std::to_string(item.revision), relative_text(item.updated, session.world().now())});
  }
  session.print_table(table,
                      fmt::format("no {}s in namespace {} yet: `jobflow apply -f FILE` makes some",
                                  options.kind, session.name_space()));
  if (!page->next_cursor.empty()) {
    session.say(fmt::format("there are more: raise --limit (now {})", options.limit));
  }
  return kOk;
}

ExitCode show_definition(Session& session, const DefinitionOptions& options) {
  const auto answer = session.get(path_of(session, options.kind, options.names.front()));
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  const auto read = client::read_definition(answer->body);
  if (!read.ok()) {
    return session.fail(read.problem());
  }
  session.say(fmt::format(
      "{} {}/{}{}  revision {}  updated {} ({}) by {}{}", read->kind, printable(read->name_space),
      printable(read->name), read->id.empty() ? "" : "  id " + read->id, read->revision,
      local_text(read->updated), relative_text(read->updated, session.world().now()),
      printable(read->updated_by), read->enabled ? "" : "  disabled"));
  session.print_json(read->document);
  return kOk;
}

ExitCode create_definition(Session& session, const DefinitionOptions& options) {
  const auto text = read_input(session, options.file);
  if (!text.ok()) {
    return session.fail(text.problem());
  }
  return save_document(session,
                       {.method = "POST",
                        .target = collection(options.kind),
                        .body = *text,
                        .content_type = content_type_of(*text)},
                       options.file);
}

ExitCode edit_definition(Session& session, const DefinitionOptions& options) {
  const std::string path = path_of(session, options.kind, options.names.front());
  const auto answer = session.get(path);
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  const auto read = client::read_definition(answer->body);
  if (!read.ok()) {
    return session.fail(read.problem());
  }
  Scratch scratch;
  const std::string file = scratch.file(options.names.front() + ".json");
  const std::string before = pretty_json(read->document) + "\n";
  if (!(std::ofstream(file) << before)) {
    return session.fail(kError, "cannot write " + file);
  }
  if (session.world().edit(file) != 0) {
    return session.fail(kError, "the editor ended with an error; nothing was saved");
  }
  const auto after = session.world().read_file(file);
  if (!after.ok()) {
    return session.fail(after.problem());
  }
  if (*after == before) {
    session.say("nothing changed");
    return kOk;
  }
  // If-Match: what somebody saved meanwhile is not overwritten.
  const ExitCode code = save_document(session,
                                      {.method = "PUT",
                                       .target = path,
                                       .body = *after,
                                       .content_type = content_type_of(*after),
                                       .headers = {{"If-Match", answer->etag}}},
                                      file);
  if (code != kOk) {
    scratch.keep();  // an hour's edit is not thrown away for a comma
    session.say("  your text is kept in " + file);
  }
  return code;
}

ExitCode remove_definitions(Session& session, const DefinitionOptions& options) {
  ExitCode worst = kOk;
  for (const std::string& name : options.names) {
    const auto answer = session.call(
        {.method = "DELETE",
         .target = path_of(session, options.kind, name) + (options.force ? "&force=true" : "")});
    if (answer.ok()) {
      session.say(fmt::format("{} {}/{}  deleted", options.kind, session.name_space(), name));
    } else {
      const ExitCode code = session.fail(answer.problem());
      worst = worst == kOk ? code : worst;
    }
  }
  return worst;
}

}  // namespace jobflow::cli
