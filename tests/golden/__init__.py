"""What each release wrote: claims, stored objects, records. Every later release reads all of it."""
