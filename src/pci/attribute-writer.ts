/** One write to an attribute of the PCI tree. */
export interface AttributeWrite {
  readonly file: string;
  /** What is written, its line end included: one write, all of it. */
  readonly text: string;
  /** The function (or PF) that the write is about: the kernel lets one write per function through at a time. */
  readonly subject: string;
}

/** Writes to the PCI tree, of which the kernel may hold any for as long as it likes. */
export interface AttributeWriter {
  /**
   * Opens the file for writing (never makes it) and writes once.
   *
   * @throws an Error whose `code` is the errno's name when the kernel refuses; ForwarderError `busy` while an earlier
   * write for this subject is still held by the kernel, `exhausted` when too many are, and the signal's reason
   */
  write(write: AttributeWrite, signal: AbortSignal): Promise<void>;
}
