// SPDX-License-Identifier: Apache-2.0
// Prints all files of an emission.
#include "generator/emit/emit.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "generator/arch/command_set.h"
#include "generator/emit/config_header.h"
#include "generator/emit/config_package.h"
#include "generator/emit/constraints.h"
#include "generator/emit/documents.h"
#include "generator/emit/dot_products.h"
#include "generator/emit/float_trees.h"
#include "generator/emit/integration.h"
#include "generator/emit/isa_package.h"
#include "generator/emit/popcount.h"
#include "generator/emit/register_block.h"
#include "generator/emit/register_formats.h"
#include "generator/emit/register_header.h"
#include "generator/emit/specialize.h"
#include "generator/emit/sv_writer.h"
#include "generator/support/text.h"
#include "generator/support/version.h"

namespace npugen {
namespace {

/// Headers, then packages, as every tool needs them; then modules by name.
std::vector<std::string> Sources(const FileSet& files) {
  std::vector<std::string> headers;
  std::vector<std::string> packages;
  std::vector<std::string> modules;
  for (const auto& [path, text] : files) {
    if (path.ends_with(".svh")) {
      headers.push_back(path);
    } else if (path.ends_with("_pkg.sv")) {
      packages.push_back(path);
    } else if (path.ends_with(".sv")) {
      modules.push_back(path);
    }
  }
  headers.insert(headers.end(), packages.begin(), packages.end());
  headers.insert(headers.end(), modules.begin(), modules.end());
  return headers;
}

/// What all simulators and synthesis tools take after -f: files in order, and where headers are.
std::string FileList(const Plan& plan, const std::vector<std::string>& sources) {
  std::string list;
  bool has_headers = false;
  for (const std::string& source : sources) {
    if (source.ends_with(".svh")) {
      has_headers = true;
    } else {
      list += source + '\n';
    }
  }
  return fmt::format(
      "// {}\n// {}\n// Use: verilator --lint-only -Wall --top-module npu_top -f filelist.f\n{}{}",
      kLicenseLine, GeneratedBanner(Origin(plan.config.name, plan.config.hash)),
      has_headers ? "+incdir+rtl\n" : "", list);
}

std::string Manifest(const Plan& plan, const FileSet& files) {
  nlohmann::ordered_json manifest;
  manifest["generator"] = "npugen";
  manifest["version"] = kToolVersion;
  manifest["license"] = "Apache-2.0";
  manifest["command_set"] = kCommandSetVersion;
  manifest["name"] = plan.config.name;
  manifest["config_hash"] = fmt::format("{:016x}", plan.config.hash);
  manifest["top_module"] = kTopModule;
  for (const ConfigValue& value : plan.values) {
    manifest["values"][std::string(value.key)] = value.value;
  }
  for (const auto& [path, text] : files) {
    nlohmann::ordered_json file;
    file["path"] = path;
    file["bytes"] = text.size();
    file["fnv1a64"] = fmt::format("{:016x}", Fnv1a64(text));
    manifest["files"].push_back(std::move(file));
  }
  return manifest.dump(2) + '\n';
}

}  // namespace

Result<FileSet> Emit(const Plan& plan) {
  const std::string banner = GeneratedBanner(Origin(plan.config.name, plan.config.hash));
  FileSet files;
  std::vector<std::string> problems;
  for (const RtlSource* source : plan.rtl) {
    files[fmt::format("rtl/{}", source->name)] = Specialize(*source, plan.values, banner, problems);
  }
  if (!problems.empty()) {
    Diagnostics errors;
    for (const std::string& problem : problems) {
      errors.push_back({DiagnosticCode::kInternal, SourceLocation(), problem, "report this"});
    }
    return errors;
  }
  files["rtl/npu_isa_pkg.sv"] = EmitIsaPackage(plan.config.features());
  files["rtl/npu_cfg_pkg.sv"] = EmitConfigPackage(plan);
  files["rtl/npu_regs.sv"] = EmitRegisterBlock(plan.config.features());
  if (!plan.config.float_formats) {
    files["rtl/npu_dot_products.sv"] =
        EmitDotProducts(plan.config.simd, Origin(plan.config.name, plan.config.hash));
  }
  if (plan.config.bnn_enabled) {
    files["rtl/npu_popcount.sv"] =
        EmitPopcount(8 * plan.config.simd, Origin(plan.config.name, plan.config.hash));
  }
  if (plan.config.float_formats) {
    const std::string origin = Origin(plan.config.name, plan.config.hash);
    files["rtl/npu_float_tree.sv"] = EmitFloatTree(plan.config.simd, origin);
    files["rtl/npu_byte_multiplier.sv"] = EmitByteMultiplier(origin);
    files["rtl/npu_significand_product.sv"] = EmitSignificandProduct(origin);
  }
  files["include/npu_registers.h"] = EmitRegisterHeader();
  files["include/npu_config.h"] = EmitConfigHeader(plan);
  files.merge(EmitConstraints(plan, files));
  files["docs/registers.md"] = EmitRegisterDocument(plan);
  files["docs/commands.md"] = EmitCommandDocument(plan);
  const std::vector<std::string> sources = Sources(files);
  files["filelist.f"] = FileList(plan, sources);
  files["README.md"] = EmitGuide(plan);
  files[fmt::format("ip/{}.core", plan.config.name)] = EmitFuseSocCore(plan, sources);
  files["ip/npu.xml"] = EmitIpXact(plan, sources);
  files["ip/npu.rdl"] = EmitSystemRdl(plan);
  files["ip/npu.svd"] = EmitSvd(plan);
  files["ip/npugen,npu.yaml"] = EmitDeviceTreeBinding(plan);
  files["ip/npu.dts"] = EmitDeviceTree(plan);
  files.merge(EmitCompanions());
  files[std::string(kManifestName)] = Manifest(plan, files);
  return files;
}

}  // namespace npugen
