// SPDX-License-Identifier: Apache-2.0
// A cache of code and results in a folder of the user's own. Others can write nothing into it, an
// entry appears whole or not at all, and what is read is what was stored.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "generator/support/diagnostic.h"
#include "generator/support/temporary.h"

namespace npugen {

/// $NPUGEN_CACHE, else $XDG_CACHE_HOME/npugen, else $HOME/.cache/npugen, else npugen-UID in the
/// folder for temporary files.
std::string DefaultCacheFolder();

/// The lists of digests that entries hold; `sha256sum -c` reads them too.
inline constexpr std::string_view kDigestsName = "SHA256SUMS";

/// Entries are folders KIND/KEY; what a key stands for is up to the kind. Errors of all functions:
/// kFileWrite; kCacheUnsafe for a folder or file that belongs to another user, that others may
/// write, or that is a symbolic link; kCacheDamaged.
class Cache {
 public:
  /// The cache in `folder` (empty: DefaultCacheFolder()), which is made if it is missing. Rights to
  /// read it are taken from others.
  static Result<Cache> Open(const std::string& folder);

  const std::string& folder() const { return folder_; }
  /// The path of the folder `name` in the cache, which is made if it is missing.
  Result<std::string> Folder(const std::string& name) const;
  /// A folder in which an entry can be made; removes what interrupted processes left.
  Result<TemporaryFolder> Work() const;

  /// The folder of an entry all of whose files are as they were stored; nothing if there is none.
  Result<std::optional<std::string>> Find(const std::string& kind, const std::string& key) const;
  /// Makes the files in `folder`, which is below Work(), the entry; `folder` itself is moved. Gives
  /// the entry's folder. If another process stored the entry meanwhile, that one stays.
  Result<std::string> Store(const std::string& kind, const std::string& key,
                            const std::string& folder) const;

 private:
  explicit Cache(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
};

/// Whether the file at `path`, in an entry of a cache, is what was stored, in a folder that is
/// safe: to be called before code is loaded from it. Errors as of Cache.
Status CheckCachedFile(const std::string& path);

}  // namespace npugen
