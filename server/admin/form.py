"""What the forms of all answers have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Form(BaseModel):
    """The form of an answer. What stands below its fields describes them in the OpenAPI document."""

    model_config = ConfigDict(use_attribute_docstrings=True)
