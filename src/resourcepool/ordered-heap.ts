/**
 * A set that knows its least member: a binary heap that remembers where each member stands, so that any of them can be
 * deleted or moved in O(log n). `compare` must be a total order, so that `first` never depends on history.
 *
 * A member whose order changes is moved by {@link put} before anything else about the heap is asked or changed.
 */
export class OrderedHeap<T> {
  readonly #compare: (a: T, b: T) => number;
  readonly #members: T[] = [];
  readonly #positions = new Map<T, number>();

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** The least member. */
  get first(): T | undefined {
    return this.#members[0];
  }

  get size(): number {
    return this.#members.length;
  }

  /** Adds the member, or moves it to where it belongs now. */
  put(member: T): void {
    const position = this.#positions.get(member) ?? this.#members.length;
    this.#settle(member, position);
  }

  /** Takes the member out; one that is not in stays out. */
  delete(member: T): void {
    const position = this.#positions.get(member);
    if (position === undefined) return;
    this.#positions.delete(member);
    const last = this.#members.pop();
    if (last !== undefined && last !== member) this.#settle(last, position);
  }

  /** Puts the member into the gap at `position`, after moving the gap up or down to where the member belongs. */
  #settle(member: T, position: number): void {
    const up = this.#gapUp(member, position);
    this.#place(member, up === position ? this.#gapDown(member, position) : up);
  }

  #gapUp(member: T, from: number): number {
    let gap = from;
    while (gap > 0) {
      const parent = (gap - 1) >> 1;
      const above = this.#members[parent] as T;
      if (this.#compare(above, member) <= 0) break;
      this.#place(above, gap);
      gap = parent;
    }
    return gap;
  }

  #gapDown(member: T, from: number): number {
    let gap = from;
    for (;;) {
      const child = this.#lesserChild(gap);
      if (child === undefined) return gap;
      const below = this.#members[child] as T;
      if (this.#compare(member, below) <= 0) return gap;
      this.#place(below, gap);
      gap = child;
    }
  }

  #lesserChild(position: number): number | undefined {
    const left = 2 * position + 1;
    const right = left + 1;
    if (left >= this.#members.length) return undefined;
    if (right >= this.#members.length) return left;
    return this.#compare(this.#members[left] as T, this.#members[right] as T) <= 0 ? left : right;
  }

  #place(member: T, position: number): void {
    this.#members[position] = member;
    this.#positions.set(member, position);
  }
}
