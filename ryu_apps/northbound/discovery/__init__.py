"""What a client asks first: versions, extensions, the OpenAPI document, what there is not."""
