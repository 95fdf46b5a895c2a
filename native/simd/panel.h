// Panels of a packed factor are one vector wide or two; a tile of more lies over two of them, side by side. Part of
// what an ISA file may include.
#pragma once

namespace striate {
namespace {

template <int kVecs>
inline constexpr int kPanelVecs = kVecs > 2 ? 2 : kVecs;

}  // namespace
}  // namespace striate
