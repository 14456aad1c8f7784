"""The pipeline's activities: one turns large data into large data, one large into small."""

from activities.generate_summary import generate_summary
from activities.transform_large_dataset import transform_large_dataset

__all__ = ["generate_summary", "transform_large_dataset"]
