import fc from 'fast-check';

/** Any text at all, lone surrogates and control characters too. (fast-check's own takes seconds to set up.) */
export const anyText = fc
  .array(fc.oneof(fc.nat({ max: 127 }), fc.nat({ max: 0xffff })), { maxLength: 90 })
  .map((units) => String.fromCharCode(...units));
