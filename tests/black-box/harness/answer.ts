// What the API answered, as tests look at it.

export interface Answer<T> {
  readonly status: number;
  readonly text: string;
  /** Undefined where it is no JSON; the caller names the shape. */
  readonly body: T;
}
