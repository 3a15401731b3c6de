BEGIN TRANSACTION;
CREATE TABLE whyalike_admins (
	token_hash VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (token_hash)
);
CREATE TABLE whyalike_raters (
	id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	simulated BOOLEAN NOT NULL, 
	token_hash VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	consented_at DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (number), 
	UNIQUE (token_hash)
);
INSERT INTO "whyalike_raters" VALUES(1,0,'Anna',0,'cc5c3005aeb256e41674a0ecee7ac9b76d8922fa5544e1f70838892623b85651','2026-11-29 01:30:20.863892','2026-11-29 01:30:20.890898');
CREATE TABLE whyalike_ratings (
	id INTEGER NOT NULL, 
	rater_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	stimulus_id VARCHAR NOT NULL, 
	value INTEGER NOT NULL, 
	comment VARCHAR NOT NULL, 
	client_key VARCHAR NOT NULL, 
	shown_at DATETIME, 
	answered_at DATETIME, 
	received_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (rater_id, client_key), 
	CHECK (value BETWEEN 1 AND 5), 
	CHECK (position >= 0), 
	FOREIGN KEY(rater_id) REFERENCES whyalike_raters (id)
);
INSERT INTO "whyalike_ratings" VALUES(1,1,0,'3a4bb4fd1ae8e69e150188ab37c13fd3',4,'=sure, why not','one','2026-05-01 10:00:00.000000','2026-05-01 10:00:07.500000','2026-11-29 01:30:20.915362');
INSERT INTO "whyalike_ratings" VALUES(2,1,0,'3a4bb4fd1ae8e69e150188ab37c13fd3',5,'=sure, why not','two','2026-05-01 10:00:00.000000','2026-05-01 10:00:07.500000','2026-11-29 01:30:20.934329');
CREATE TABLE whyalike_study (
	id INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "whyalike_study" VALUES(1,1,'9e18e020d9c6a932106ea190eaf5f9991a5b0023987c68db3f28787d846b7662');
CREATE INDEX whyalike_ratings_current ON whyalike_ratings (rater_id, position, id);
CREATE TRIGGER whyalike_no_update BEFORE UPDATE ON whyalike_ratings BEGIN SELECT RAISE(ABORT, 'ratings are only ever added'); END;
CREATE TRIGGER whyalike_no_delete BEFORE DELETE ON whyalike_ratings BEGIN SELECT RAISE(ABORT, 'ratings are only ever added'); END;
COMMIT;
