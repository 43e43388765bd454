// The items under one pattern. Mostly it is one, which then needs no set of its own: a hundred
// thousand patterns are to fit where they are found quickly.

export class Items<T> {
  #first: T | undefined = undefined;
  #rest: Set<T> | undefined = undefined;
  /** Zero or more, as numbers of one item are told apart from none of it. */
  #count = 0;

  get isBare(): boolean {
    return this.#count === 0;
  }

  addItem(item: T): void {
    if (this.#rest !== undefined) {
      this.#rest.add(item);
      this.#count = this.#rest.size;
    } else if (this.#count === 0) {
      this.#first = item;
      this.#count = 1;
    } else if (this.#first !== item) {
      this.#rest = new Set([this.#first as T, item]);
      this.#first = undefined;
      this.#count = 2;
    }
  }

  deleteItem(item: T): void {
    if (this.#rest !== undefined) {
      this.#rest.delete(item);
      this.#count = this.#rest.size;
      if (this.#count === 0) {
        this.#rest = undefined;
      }
    } else if (this.#count === 1 && this.#first === item) {
      this.#first = undefined;
      this.#count = 0;
    }
  }

  tellItems(found: (item: T) => void): void {
    if (this.#rest !== undefined) {
      for (const item of this.#rest) {
        found(item);
      }
    } else if (this.#count === 1) {
      found(this.#first as T);
    }
  }
}
