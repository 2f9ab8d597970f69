// SPDX-License-Identifier: Apache-2.0
// What the options of several families share, and how the families' options become one variant.
#pragma once

#include <cstdint>
#include <variant>

namespace npugen {

enum class Activation : uint8_t { kNone, kRelu, kReluN1To1, kRelu6 };
enum class Padding : uint8_t { kSame, kValid };

/// ARG_MAX, ARG_MIN: the axis (0..rank-1); the output is int32.
/// CONCATENATION, PACK, UNPACK, SPLIT: the axis along which tensors stand side by side.
struct AxisOptions {
  int32_t axis = 0;
};

/// Operators without options.
struct NoOptions {};

/// The option structs of a family.
template <typename... Options>
struct OptionList {};

/// Those that several families use.
using SharedOptions = OptionList<AxisOptions, NoOptions>;

namespace internal {
template <typename... Lists>
struct Joined;
template <typename... Options>
struct Joined<OptionList<Options...>> {
  using Variant = std::variant<Options...>;
};
template <typename... First, typename... Second, typename... Rest>
struct Joined<OptionList<First...>, OptionList<Second...>, Rest...>
    : Joined<OptionList<First..., Second...>, Rest...> {};
}  // namespace internal

/// A variant of the options of all `Lists`.
template <typename... Lists>
using OneOf = typename internal::Joined<Lists...>::Variant;

}  // namespace npugen
