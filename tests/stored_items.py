"""Items in real stores, for tests: Milvus Lite, and PostgreSQL with pgvector."""

import json

import numpy as np

HNSW = {"M": 16, "efConstruction": 200}


def fill_milvus(
    path,
    items,
    vectors,
    *,
    metric="COSINE",
    index="HNSW",
    name="goods",
    make=True,
    nullable=True,
):
    """A collection of items (id, title, body, price, kind, and more that no schema names).

    Servers before 2.5 know no ``nullable`` fields: a price is one that no schema names there.
    """
    from pymilvus import MilvusClient

    client = MilvusClient(str(path))
    if make:
        _make_collection(
            client, name, vectors.shape[1], metric=metric, index=index, nullable=nullable
        )
    rows = [
        {
            "id": item.id,
            "title": item.title,
            "body": item.description,
            "embedding": vector.tolist(),
            **({"price": item.metadata.get("price")} if nullable else _known(item, "price")),
            **_known(item, "kind"),
        }
        for item, vector in zip(items, vectors, strict=True)
    ]
    client.insert(name, rows)
    client.close()


def _known(item, field):
    value = item.metadata.get(field)
    return {} if value is None else {field: value}


def _make_collection(client, name, width, *, metric, index, nullable):
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("title", DataType.VARCHAR, max_length=1000)
    schema.add_field("body", DataType.VARCHAR, max_length=20000)
    if nullable:
        schema.add_field("price", DataType.DOUBLE, nullable=True)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=width)
    params = client.prepare_index_params()
    params.add_index(
        "embedding", index_type=index, metric_type=metric, params=HNSW if index == "HNSW" else {}
    )
    client.create_collection(name, schema=schema, index_params=params)


def fill_postgresql(url, items, vectors, *, operators="vector_cosine_ops", name="goods"):
    """The same as a table with a graph over its vectors."""
    import psycopg

    table = psycopg.sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(
            psycopg.sql.SQL(
                "CREATE TABLE {} (id text PRIMARY KEY, title text, body text, price numeric,"
                f" kind text, more jsonb, embedding vector({vectors.shape[1]}))"
            ).format(table)
        )
        with (
            connection.cursor() as cursor,
            cursor.copy(psycopg.sql.SQL("COPY {} FROM STDIN").format(table)) as copy,
        ):
            for item, vector in zip(items, vectors, strict=True):
                copy.write_row(
                    [
                        item.id,
                        item.title,
                        item.description,
                        item.metadata.get("price"),
                        item.metadata.get("kind"),
                        json.dumps({"length": len(item.description)}),
                        str(np.asarray(vector, dtype=np.float32).tolist()),
                    ]
                )
        connection.execute(
            psycopg.sql.SQL("CREATE INDEX ON {} USING hnsw (embedding " + operators + ")").format(
                table
            )
        )
