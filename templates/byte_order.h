// Which machines a text is for, by the order in which they have the bytes of a number: that of its
// weights. No file of ours includes this one.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section.

//: section little_endian
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the bytes of the weights are in little-endian order: emit with --byte-order=big"
#endif

//: section big_endian
#if !defined __BYTE_ORDER__ || __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__
#error "the bytes of the weights are in big-endian order: emit with --byte-order=little"
#endif

//: end
