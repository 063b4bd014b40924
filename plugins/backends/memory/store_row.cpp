#include "store_row.hpp"

#include <cstring>

namespace drover::memory {
namespace {

std::size_t bitmap_bytes(std::size_t columns) { return (columns + 7) / 8; }

std::uint64_t zigzag(std::int64_t number) {
    return (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63);
}
std::int64_t unzigzag(std::uint64_t bits) {
    return static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
}

std::size_t varint_bytes(std::uint64_t number) {
    std::size_t bytes = 1;
    while (number >= 0x80) {
        number >>= 7;
        ++bytes;
    }
    return bytes;
}
unsigned char* put_varint(unsigned char* at, std::uint64_t number) {
    while (number >= 0x80) {
        *at++ = static_cast<unsigned char>(number | 0x80);
        number >>= 7;
    }
    *at++ = static_cast<unsigned char>(number);
    return at;
}
std::uint64_t take_varint(const unsigned char*& at) {
    std::uint64_t number = 0;
    for (int shift = 0;; shift += 7) {
        const std::uint64_t byte = *at++;
        number |= (byte & 0x7F) << shift;
        if (byte < 0x80) return number;
    }
}

std::size_t packed_bytes(const Cell& cell) {
    switch (cell.kind) {
        case CellKind::null: return 0;
        case CellKind::boolean: return 1;
        case CellKind::integer: return varint_bytes(zigzag(cell.number));
        case CellKind::real: return 8;
        case CellKind::text: return varint_bytes(cell.text.size()) + cell.text.size();
    }
    return 0;
}

CellKind kind_of(FieldType type) {
    switch (type) {
        case FieldType::boolean: return CellKind::boolean;
        case FieldType::real: return CellKind::real;
        case FieldType::text:
        case FieldType::json: return CellKind::text;
        default: return CellKind::integer;
    }
}

Cell take(const unsigned char*& at, CellKind kind) {
    Cell cell{kind};
    switch (kind) {
        case CellKind::null: break;
        case CellKind::boolean: cell.number = *at++; break;
        case CellKind::integer: cell.number = unzigzag(take_varint(at)); break;
        case CellKind::real:
            std::memcpy(&cell.number, at, 8);
            at += 8;
            break;
        case CellKind::text: {
            const auto size = take_varint(at);
            cell.text = {reinterpret_cast<const char*>(at), size};
            at += size;
            break;
        }
    }
    return cell;
}

bool is_set(const unsigned char* row, std::size_t column) { return (row[column >> 3] >> (column & 7)) & 1; }

}  // namespace

Cell Cell::of(const Value& value) {
    if (const auto* flag = value.if_boolean()) return {CellKind::boolean, *flag ? 1 : 0};
    if (const auto* number = value.if_integer()) return {CellKind::integer, *number};
    if (const auto* real = value.if_real()) return {CellKind::real, std::bit_cast<std::int64_t>(*real)};
    if (const auto* text = value.if_text()) return {CellKind::text, 0, *text};
    return {};
}

Value Cell::value() const {
    switch (kind) {
        case CellKind::null: return {};
        case CellKind::boolean: return number != 0;
        case CellKind::integer: return number;
        case CellKind::real: return real();
        case CellKind::text: return text;
    }
    return {};
}

int compare(const Cell& a, const Cell& b) {
    if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
    switch (a.kind) {
        case CellKind::null: return 0;
        case CellKind::real: return a.real() < b.real() ? -1 : a.real() > b.real() ? 1 : 0;
        case CellKind::text: return a.text.compare(b.text);
        default: return a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
    }
}

std::uint64_t prefix_of(const Cell& cell) {
    constexpr std::uint64_t kTop = std::uint64_t{1} << 63;
    std::uint64_t order = 0;
    switch (cell.kind) {
        case CellKind::null: return 0;
        case CellKind::boolean:
        case CellKind::integer: order = static_cast<std::uint64_t>(cell.number) ^ kTop; break;
        case CellKind::real: {
            const auto bits = std::bit_cast<std::uint64_t>(cell.real() + 0.0);  // -0.0 is 0.0
            order = bits & kTop ? ~bits : bits | kTop;
            break;
        }
        case CellKind::text:
            for (std::size_t i = 0; i < 8; ++i)
                order = order << 8 | (i < cell.text.size() ? static_cast<unsigned char>(cell.text[i]) : 0);
            break;
    }
    return kTop | order >> 1;
}

PackedRow pack(const std::vector<Cell>& cells) {
    const auto bitmap = bitmap_bytes(cells.size());
    std::size_t bytes = bitmap;
    for (const auto& cell : cells) bytes += packed_bytes(cell);
    PackedRow row(new unsigned char[bytes]);
    std::memset(row.get(), 0, bitmap);
    auto* at = row.get() + bitmap;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto& cell = cells[i];
        if (cell.is_null()) continue;
        row[i >> 3] = static_cast<unsigned char>(row[i >> 3] | 1u << (i & 7));
        switch (cell.kind) {
            case CellKind::null: break;
            case CellKind::boolean: *at++ = cell.number != 0; break;
            case CellKind::integer: at = put_varint(at, zigzag(cell.number)); break;
            case CellKind::real:
                std::memcpy(at, &cell.number, 8);
                at += 8;
                break;
            case CellKind::text:
                at = put_varint(at, cell.text.size());
                if (!cell.text.empty()) std::memcpy(at, cell.text.data(), cell.text.size());
                at += cell.text.size();
                break;
        }
    }
    return row;
}

void unpack(const unsigned char* row, const Shape& shape, std::vector<Cell>& cells) {
    cells.resize(shape.size());
    const auto* at = row + bitmap_bytes(shape.size());
    for (std::size_t i = 0; i < shape.size(); ++i) cells[i] = is_set(row, i) ? take(at, kind_of(shape[i])) : Cell{};
}

Cell cell_at(const unsigned char* row, const Shape& shape, std::size_t column) {
    if (!is_set(row, column)) return {};
    const auto* at = row + bitmap_bytes(shape.size());
    for (std::size_t i = 0; i < column; ++i)
        if (is_set(row, i)) take(at, kind_of(shape[i]));
    return take(at, kind_of(shape[column]));
}

}  // namespace drover::memory
