#include "drover/host/library.hpp"

// The standard library's paths, so that no Boost.Filesystem is needed.
#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <set>

namespace drover::host {
namespace {

namespace dll = boost::dll;

Error contradiction(const std::filesystem::path& file, const std::string& id, const std::string& what) {
    return Error(Errc::invalid, file.string() + " (" + id + "): its descriptor is wrong: " + what,
                 "This is a mistake in the plugin; tell its author.");
}

Result<void> check_interfaces(const Descriptor& descriptor, const std::filesystem::path& file, const std::string& id) {
    std::set<std::string> names;
    for (const auto& service : descriptor.provides) {
        if (!names.insert(service.id).second)
            return contradiction(file, id, "service " + service.id + " is provided twice");
        if (service.slot.empty())
            return contradiction(file, id, service.id + " is provided but has no slot; it is to be among `extends`");
    }
    for (const auto& extension : descriptor.extends) {
        if (!names.insert(extension.id).second)
            return contradiction(file, id, extension.id + " is extended twice, or provided as well");
        if (!extension.slot.empty())
            return contradiction(
                file, id,
                extension.id + " is extended but has the slot " + extension.slot + "; it is to be among `provides`");
    }
    names.clear();
    for (const auto& need : descriptor.needs)
        if (!names.insert(need.id).second) return contradiction(file, id, "service " + need.id + " is needed twice");
    for (const auto& collected : descriptor.collects)
        if (!names.insert(collected.id).second)
            return contradiction(file, id, collected.id + " is collected twice, or needed as well");
    return ok;
}

Result<void> check_descriptor(const Descriptor& descriptor, const std::filesystem::path& file, const std::string& id) {
    if (descriptor.summary.empty()) return contradiction(file, id, "it has no summary");
    if (!descriptor.create) return contradiction(file, id, "it has no create function");
    std::set<std::string> names;
    for (const auto& option : descriptor.options) {
        if (!names.insert(option.name).second)
            return contradiction(file, id, "option " + option.name + " is declared twice");
        if (option.summary.empty()) return contradiction(file, id, "option " + option.name + " has no summary");
        if (std::count(option.key.begin(), option.key.end(), '*') > 1)
            return contradiction(file, id, "the key of option " + option.name + " has more than one '*'");
        if (!option.fallback) continue;
        if (const auto value = parse_option(option, *option.fallback); !value)
            return contradiction(file, id, "the default of option " + option.name + ": " + value.error().message());
    }
    return check_interfaces(descriptor, file, id);
}

/// Puts a copy beside the others, complete or not at all. Kept: the next start finds it.
Result<std::filesystem::path> copy_of(const std::filesystem::path& file, const PluginNote& note,
                                      const std::filesystem::path& copies) {
    const auto target = copies / (note.id + "-" + note.build_id + ".so");
    std::error_code failure;
    if (std::filesystem::file_size(target, failure) == std::filesystem::file_size(file) && !failure) return target;
    std::filesystem::create_directories(copies, failure);
    const auto part = copies / (note.id + "-" + note.build_id + "." + std::to_string(getpid()) + ".part");
    std::filesystem::copy_file(file, part, std::filesystem::copy_options::overwrite_existing, failure);
    if (!failure) std::filesystem::rename(part, target, failure);
    if (failure)
        return Error(Errc::unavailable,
                     "cannot copy " + file.string() + " to " + target.string() + ": " + failure.message(),
                     "Check the space and the permissions below server.home.");
    return target;
}

/// dlopen says "FILE: REASON"; the reader knows the file already.
std::string reason_of(std::string text, const std::filesystem::path& file) {
    for (const auto& prefix : {file.string() + ": ", file.filename().string() + ": "})
        if (const auto at = text.find(prefix); at != std::string::npos) return text.substr(at + prefix.size());
    return text;
}

/// A plugin is never unloaded: what is opened is kept, and does not even end with the process's other objects.
const dll::shared_library& open_for_ever(const std::filesystem::path& file) {
    auto opened = std::make_unique<dll::shared_library>(file, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    static auto& mutex = *new std::mutex;
    static auto& kept = *new std::vector<std::unique_ptr<dll::shared_library>>;
    const std::lock_guard lock(mutex);
    return *kept.emplace_back(std::move(opened));
}

}  // namespace

Result<std::shared_ptr<const Library>> Library::load(const std::filesystem::path& file,
                                                     const std::filesystem::path& copies) {
    auto note = read_note(file);
    if (!note) return note.error();
    if (auto accepted = check_note(*note, file); !accepted) return accepted.error();
    const auto who = file.string() + " (" + note->id + " " + note->version + ")";

    auto to_open = std::filesystem::absolute(file);
    if (!copies.empty() && !note->build_id.empty()) {
        auto copy = copy_of(file, *note, copies);
        if (!copy) return copy.error();
        to_open = std::move(*copy);
    }
    using Entry = const Descriptor*();
    Entry* entry = nullptr;
    try {
        const auto& library = open_for_ever(to_open);
        if (!library.has(abi::kEntrySymbol))
            return Error(Errc::unsupported, who + ": does not export " + abi::kEntrySymbol,
                         "Link it with drover_add_plugin, which exports that symbol and no other.");
        entry = &library.get<Entry>(abi::kEntrySymbol);
    } catch (const std::exception& failure) {
        const auto reason = reason_of(failure.what(), to_open);
        if (reason.find("undefined symbol") != std::string::npos)
            return Error(Errc::unsupported, who + ": " + reason,
                         "Link the plugin with every library it uses (-Wl,--no-undefined finds them), or install "
                         "the version it was built against.");
        return Error(Errc::unsupported, who + ": cannot be loaded: " + reason,
                     "Install what it depends on; `ldd " + file.string() + "` shows what is missing.");
    }
    auto library = std::shared_ptr<Library>(new Library);
    try {
        library->descriptor_ = entry();
    } catch (...) {
        return error_of(std::current_exception())
            .in(who + ": its descriptor threw")
            .with_hint("This is a mistake in the plugin; tell its author.");
    }
    if (!library->descriptor_) return contradiction(file, note->id, "there is none");
    if (auto good = check_descriptor(*library->descriptor_, file, note->id); !good) return good.error();
    library->file_ = file;
    library->note_ = std::move(*note);
    return std::shared_ptr<const Library>(std::move(library));
}

std::string Library::short_name() const { return note_.id.substr(note_.id.rfind('.') + 1); }

}  // namespace drover::host
